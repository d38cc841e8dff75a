"""What every request passes: authentication, rate limits, bodies, proxies and errors."""
