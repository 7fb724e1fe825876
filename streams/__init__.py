"""Raw events in, facts out: the stages (dialogs, media, records) and the runners that drive them."""
