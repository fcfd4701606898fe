"""VPNs of strongSwan's chart: both ends of a tunnel from one source."""
