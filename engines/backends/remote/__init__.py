"""Engines on other machines, by the Open Inference Protocol (Triton, OpenVINO Model Server)."""
