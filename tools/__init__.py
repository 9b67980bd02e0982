"""What is used on the checkout only and is not shipped."""
