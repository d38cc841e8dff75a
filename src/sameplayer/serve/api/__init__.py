"""The JSON API: routes, schemas, and its OpenAPI description."""
