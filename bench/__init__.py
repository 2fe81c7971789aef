"""What the claims about speed are made of: `python -m bench`."""
