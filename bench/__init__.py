"""What the product does a second, beside two references that do the same."""
