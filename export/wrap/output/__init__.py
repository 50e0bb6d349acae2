"""What a foreign network gives: which outputs are read, how, and as ONNX nodes."""
