"""How the gateway tells what it does: logs. Nothing here decides anything."""
