"""What one might write or configure instead of using the service."""
