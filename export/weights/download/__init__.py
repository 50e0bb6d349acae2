"""Fetch published weights: resumed, checked, never half-written."""
