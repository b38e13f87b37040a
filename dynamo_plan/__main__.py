"""`python -m dynamo_plan` is `dynamo-plan`."""

from dynamo_plan.cli import main

if __name__ == "__main__":
    main()
