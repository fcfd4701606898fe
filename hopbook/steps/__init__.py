"""What each documented step wants: a site in, resources out. No order is in here; that is the flow's."""
