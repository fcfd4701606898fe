"""NSX for vSphere: its client, its resources and its simulator."""
