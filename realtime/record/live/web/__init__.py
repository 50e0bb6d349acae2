"""The run in a browser: one port with a page, a stream of pictures and a WebSocket."""
