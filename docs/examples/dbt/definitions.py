"""The assets of a Mixpanel project, and the models of a dbt project built on them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

from mixpanel_assets.dagster import WarehouseResource, mixpanel_definitions, on_landing

shop = mixpanel_definitions(key_prefix="shop")
events = shop.resolve_assets_def(["shop", "events"])

os.environ["SHOP_WAREHOUSE"] = str(WarehouseResource().path)  # for profiles.yml
project = DbtProject(Path(__file__).parent)
project.prepare_if_dev()


@dbt_assets(manifest=project.manifest_path, project=project, pool=events.op.pool)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """What `dbt build` makes of the landed events."""
    yield from dbt.cli(["build"], context=context).stream()


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project, and the models as soon as their events land."""
    automated = models.map_asset_specs(
        lambda spec: spec.replace_attributes(automation_condition=on_landing())
    )
    own = dg.Definitions(assets=[automated], resources={"dbt": DbtCliResource(project)})
    return dg.Definitions.merge(shop, own)
