"""Encoders as ONNX files: export, 8-bit quantisation, and running them."""
