"""What reacts to changes: inbound and outbound webhooks, builds. Nothing is here yet but the app's place in the order."""
