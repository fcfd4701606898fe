"""ICP on its nodes: the installer behind a supervisor on the boot node, and what the cluster says of itself.

ICP has no wire of its own: all of it is reached by SSH, so this adapter stands upon that one.
"""
