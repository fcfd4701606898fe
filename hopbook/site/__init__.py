"""What a person writes about a site, and the rules that it has to keep."""
