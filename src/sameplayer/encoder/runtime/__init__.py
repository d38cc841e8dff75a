"""What a network runs on: torch, onnxruntime or OpenVINO, devices and number formats."""
