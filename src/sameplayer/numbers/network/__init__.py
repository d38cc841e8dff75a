"""The package's own number reader: its network, its crops, and its ONNX form."""
