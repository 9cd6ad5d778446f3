"""$metadata, generated from the field tables: so it can't promise what the simulator has not."""

from typing import Any
from xml.etree import ElementTree

from simulators.erp.fields import EntitySet, Field, Service

_EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
_EDM = "http://schemas.microsoft.com/ado/2008/09/edm"
_M = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_SAP = "http://www.sap.com/Protocols/SAPData"

for _prefix, _uri in (("edmx", _EDMX), ("edm", _EDM), ("m", _M), ("sap", _SAP)):
    ElementTree.register_namespace(_prefix, _uri)


def metadata(service: Service) -> bytes:
    """Return the service's $metadata document."""
    root = ElementTree.Element(f"{{{_EDMX}}}Edmx", Version="1.0")
    services = ElementTree.SubElement(root, f"{{{_EDMX}}}DataServices", {f"{{{_M}}}DataServiceVersion": "2.0"})
    schema = _child(services, "Schema", Namespace=service.name)
    for entity_set in service.sets.values():
        _entity_type(schema, service, entity_set)
    for entity_set in service.sets.values():
        _associations(schema, service, entity_set)
    container = _child(schema, "EntityContainer", Name=f"{service.name}_Entities")
    container.set(f"{{{_M}}}IsDefaultEntityContainer", "true")
    container.set(f"{{{_SAP}}}supported-formats", "json")
    for entity_set in service.sets.values():
        _container(container, service, entity_set)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _child(parent: Any, tag: str, **attributes: str) -> Any:
    return ElementTree.SubElement(parent, f"{{{_EDM}}}{tag}", attributes)


def _entity_type(schema: Any, service: Service, entity_set: EntitySet) -> None:
    entity_type = _child(schema, "EntityType", Name=f"{entity_set.name}Type")
    key = _child(entity_type, "Key")
    for field in entity_set.keys:
        _child(key, "PropertyRef", Name=field.name)
    for field in entity_set.fields.values():
        _property(entity_type, field)
    for navigation in entity_set.navigations.values():
        association = f"assoc_{entity_set.name}_{navigation.name}"
        _child(
            entity_type,
            "NavigationProperty",
            Name=navigation.name,
            Relationship=f"{service.name}.{association}",
            FromRole=f"FromRole_{association}",
            ToRole=f"ToRole_{association}",
        )


def _property(entity_type: Any, field: Field) -> None:
    edm = "String" if field.kind == "Numc" else field.kind
    attributes = {"Name": field.name, "Type": f"Edm.{edm}"}
    if field.key:
        attributes["Nullable"] = "false"
    if edm == "String":
        attributes["MaxLength"] = str(field.length)
    if edm == "Decimal":
        attributes |= {"Precision": str(field.length), "Scale": str(field.scale)}
    if edm in ("DateTime", "Time"):
        attributes["Precision"] = "0"
    if edm == "DateTimeOffset":
        attributes["Precision"] = "7"
    if field.kind == "Numc" or field.upper:
        attributes[f"{{{_SAP}}}display-format"] = "NonNegative" if field.kind == "Numc" else "UpperCase"
    if field.kind == "DateTime":
        attributes[f"{{{_SAP}}}display-format"] = "Date"
    if field.read_only:
        attributes |= {f"{{{_SAP}}}creatable": "false", f"{{{_SAP}}}updatable": "false"}
    if field.unit:
        attributes[f"{{{_SAP}}}unit"] = field.unit
    if field.extension:
        attributes[f"{{{_SAP}}}is-extension-field"] = "true"
    ElementTree.SubElement(entity_type, f"{{{_EDM}}}Property", attributes)


def _associations(schema: Any, service: Service, entity_set: EntitySet) -> None:
    for navigation in entity_set.navigations.values():
        name = f"assoc_{entity_set.name}_{navigation.name}"
        association = _child(schema, "Association", Name=name)
        ends = ((entity_set.name, "1", "FromRole"), (navigation.target, "*" if navigation.many else "0..1", "ToRole"))
        for set_name, multiplicity, role in ends:
            _child(
                association,
                "End",
                Type=f"{service.name}.{set_name}Type",
                Multiplicity=multiplicity,
                Role=f"{role}_{name}",
            )


def _container(container: Any, service: Service, entity_set: EntitySet) -> None:
    element = _child(container, "EntitySet", Name=entity_set.name, EntityType=f"{service.name}.{entity_set.name}Type")
    if not entity_set.writable:
        element.set(f"{{{_SAP}}}creatable", "false")
        element.set(f"{{{_SAP}}}updatable", "false")
    if not entity_set.deletable:
        element.set(f"{{{_SAP}}}deletable", "false")
    for navigation in entity_set.navigations.values():
        name = f"assoc_{entity_set.name}_{navigation.name}"
        association_set = _child(container, "AssociationSet", Name=name, Association=f"{service.name}.{name}")
        _child(association_set, "End", EntitySet=entity_set.name, Role=f"FromRole_{name}")
        _child(association_set, "End", EntitySet=navigation.target, Role=f"ToRole_{name}")
