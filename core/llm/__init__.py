"""The way of a call: the endpoint, the wire, the window, errors, servers, the embedded model, and the call itself."""
