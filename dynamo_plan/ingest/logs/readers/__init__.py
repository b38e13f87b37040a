"""One file per format of logs; `dynamo_plan.ingest.logs.find_readers` finds them."""
