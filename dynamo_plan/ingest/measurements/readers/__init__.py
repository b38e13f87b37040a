"""One module per format of a measuring tool; see `dynamo_plan.ingest.measurements`."""
