"""A YAML file that is one record of a schema."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.scenario_yaml import parse_part
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.yaml_document import Document, parse_yaml


def read_record[Schema: BaseModel](path: Path, schema: type[Schema]) -> tuple[Document, Schema]:
    """Read a file and check it against its schema; the document says where a key stands.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    faults = Faults()
    source = read_source(path, faults)
    document = None if source is None else parse_yaml(source, faults)
    record = None if document is None else parse_part(document, (), schema, faults, schema)
    faults.raise_if_any()
    if document is None or record is None:
        raise AssertionError(f"{path} cannot be read and has no fault")
    return document, record
