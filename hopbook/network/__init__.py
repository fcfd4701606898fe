"""Everything that forwards packets at a site, as data: nodes, segments, routes, NAT, filters."""
