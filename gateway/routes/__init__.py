"""HTTP and WebSocket addresses. A route translates; it decides nothing."""
