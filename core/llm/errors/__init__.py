"""What a failed answer means: from exceptions, status codes and bodies to a fault of the closed list."""
