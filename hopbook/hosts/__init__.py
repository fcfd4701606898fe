"""What hosts say of themselves, and whether that will do."""
