"""Walk a packet, name the verdict; the documented hops and how a trace meets them."""
