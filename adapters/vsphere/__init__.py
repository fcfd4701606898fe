"""vSphere: folders, machines, their guests and DRS rules, by SOAP or in memory."""
