"""What is there from four sides, compared."""
