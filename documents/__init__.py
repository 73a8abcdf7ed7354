"""What is stored: Beanie documents, their fields and indexes, and the database under them."""
