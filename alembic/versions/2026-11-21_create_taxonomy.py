"""Create the taxonomy, and let equipment name its class.

The codes by which the field speaks of equipment, failures and maintenance, aligned
with ISO 14224, in words of our own. Users add theirs; `source` and `verified` say how
far to trust a row. What comes with this migration leaves no changes: it was always
there.

Equipment gets its class as a column that may stay empty, so the release before works
on. No row has one yet: the reference is checked in the next step, without stopping
writers.
"""

import sqlalchemy as sa
from alembic import context, op

from app import triggers

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)

ENTITIES = {
    "equipment_classes": "equipment_class",
    "failure_modes": "failure_mode",
    "failure_mechanisms": "failure_mechanism",
    "failure_causes": "failure_cause",
    "detection_methods": "detection_method",
    "maintenance_activities": "maintenance_activity",
}
TERM = ("code", "name", "source", "verified")
EQUIPMENT = (
    *("code", "vessel", "tag", "name", "location", "group", "parent", "status"),
    "class",
)

ALIGNED = "ISO 14224-aligned"
ONE_SOURCE = "ISO 14224-aligned, found in one source"

CLASSES = {
    "EM": "Electric motors",
    "PU": "Pumps",
    "CR": "Cranes",
    "HE": "Heat exchangers",
    "HB": "Heaters and boilers",
    "PI": "Piping",
    "VE": "Pressure vessels",
    "TA": "Storage tanks",
    "IP": "Input devices: sensors and transmitters",
    "CL": "Control logic units",
    "VA": "Valves",
    "NO": "Nozzles",
}
CLASSES_OF_ONE_SOURCE = {
    "BL": "Blowers and fans",
    "CF": "Centrifuges",
    "CE": "Combustion engines",
    "CO": "Compressors",
    "EG": "Electric generators",
    "GT": "Gas turbines",
    "LE": "Liquid expanders",
    "MI": "Mixers",
    "ST": "Steam turbines",
    "TE": "Turboexpanders",
    "FS": "Filters and strainers",
    "LA": "Loading arms",
    "SE": "Steam ejectors",
    "SW": "Swivels",
    "TU": "Turrets",
    "WI": "Winches",
    "FC": "Frequency converters",
    "PT": "Power transformers",
    "SG": "Switchgear",
    "UP": "Uninterruptible power supplies",
    "EC": "Emergency communication",
    "ER": "Escape, evacuation and rescue",
    "FG": "Fire and gas detectors",
    "LB": "Lifeboats",
    "XT": "Wellhead and Xmas tree",
}
MODES = {
    "AIR": "An instrument shows what it should not",
    "BRD": "Breaks down: serious damage",
    "DOP": "Operates late",
    "ELF": "Fuel leaks to the outside",
    "ELP": "Process medium leaks to the outside",
    "ELU": "Utility medium leaks to the outside",
    "ERO": "Output varies without reason",
    "FCO": "Does not connect",
    "FDC": "Does not disconnect",
    "FOF": "Output frequency is wrong",
    "FOV": "Output voltage is wrong",
    "FRO": "Does not rotate",
    "FTC": "Does not close",
    "FTF": "Does not function on demand",
    "FTI": "Does not function as intended",
    "FTO": "Does not open",
    "FTS": "Does not start",
    "HIO": "Output is too high",
    "IHT": "Transfers too little heat",
    "INL": "Leaks inside",
    "LBP": "Oil supply pressure is low",
    "LCP": "Leaks while closed",
    "LOA": "Drops its load",
    "LOB": "Loses buoyancy",
    "LOO": "Output is too low",
    "LOR": "Redundancy is lost",
    "NOI": "Makes unusual noise",
    "NOO": "Gives no output",
    "OHE": "Overheats",
    "OTH": "Another mode than those listed",
    "PDE": "A parameter deviates",
    "PLU": "Plugged or choked",
    "PTF": "Power or signal is not transmitted",
    "SBU": "Sludge builds up",
    "SER": "Minor problems in service",
    "SHH": "False alarm of a high level",
    "SLL": "False alarm of a low level",
    "SLP": "Slips",
    "SPO": "Operates without being asked",
    "STD": "Its structure is deficient",
    "STP": "Does not stop",
    "UNK": "Not known",
    "UST": "Stops without being asked",
    "VIB": "Vibrates too much",
    "VLO": "Output is far too low",
}
MECHANISMS = {
    "1": "Mechanical, in general",
    "2": "Of the material, in general",
    "3": "Of instruments",
    "4": "Electrical",
    "5": "From outside",
    "6": "Miscellaneous",
}
# In the order in which they are listed everywhere; their numbers stand in one source.
MECHANISMS_OF_ONE_SOURCE = {
    "1.1": "Leakage",
    "1.2": "Vibration",
    "1.3": "Clearance or alignment",
    "1.4": "Deformation",
    "1.5": "Looseness",
    "1.6": "Sticking",
    "2.1": "Cavitation",
    "2.2": "Corrosion",
    "2.3": "Erosion",
    "2.4": "Wear",
    "2.5": "Breakage",
    "2.6": "Fatigue",
    "2.7": "Overheating",
    "2.8": "Burst",
}
CAUSES = {
    "1": "Design",
    "2": "Fabrication or installation",
    "3": "Operation or maintenance",
    "4": "Management",
    "5": "Miscellaneous",
}
METHODS = {
    "1": "Periodic maintenance",
    "2": "Functional test",
    "3": "Inspection",
    "4": "Periodic condition monitoring",
    "5": "Pressure test",
    "6": "Continuous condition monitoring",
    "7": "Production was disturbed",
    "8": "Seen by chance",
    "9": "Corrective maintenance of something else",
    "10": "On demand",
    "11": "Another way",
}
# An order whose type is one of these names is of that activity.
ACTIVITIES = {
    "1": "Replacement",
    "2": "Repair",
    "3": "Modification",
    "4": "Adjustment",
    "5": "Refit",
    "6": "Check",
    "7": "Service",
    "8": "Test",
    "9": "Inspection",
    "10": "Overhaul",
    "11": "Combination",
    "12": "Other",
}
ROWS = {
    "equipment_classes": (CLASSES, CLASSES_OF_ONE_SOURCE),
    "failure_modes": (MODES, {}),
    "failure_mechanisms": (MECHANISMS, MECHANISMS_OF_ONE_SOURCE),
    "failure_causes": (CAUSES, {}),
    "detection_methods": (METHODS, {}),
    "maintenance_activities": (ACTIVITIES, {}),
}
ALLOWED = {
    "PU": "AIR BRD ELP ELU ERO FTS HIO INL LOO NOI OHE PDE PLU SER STD UST VIB OTH UNK",
    "VA": "AIR DOP ELP ELU FTC FTO HIO INL LCP LOO NOO PLU SER SPO STD OTH UNK",
}


def record() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def upgrade() -> None:
    for table in ENTITIES:
        made = op.create_table(
            table,
            sa.Column("code", CODE, nullable=False),
            sa.Column("name", LABEL, nullable=False),
            sa.Column("source", LABEL, nullable=False),
            sa.Column("verified", sa.Boolean(), server_default="false", nullable=False),
            *record(),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.UniqueConstraint("code", name=f"uq_{table}_code"),
        )
        sure, unsure = ROWS[table]
        op.bulk_insert(
            made,
            [
                {"code": code, "name": name, "source": source, "verified": verified}
                for rows, source, verified in (
                    (sure, ALIGNED, True),
                    (unsure, ONE_SOURCE, False),
                )
                for code, name in rows.items()
            ],
        )
    allowed = op.create_table(
        "class_failure_modes",
        sa.Column("class", CODE, nullable=False),
        sa.Column("mode", CODE, nullable=False),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_class_failure_modes"),
        sa.UniqueConstraint("class", "mode", name="uq_class_failure_modes_class_mode"),
        sa.ForeignKeyConstraint(
            ["class"],
            ["equipment_classes.code"],
            onupdate="CASCADE",
            name="fk_class_failure_modes_class",
        ),
        sa.ForeignKeyConstraint(
            ["mode"],
            ["failure_modes.code"],
            onupdate="CASCADE",
            name="fk_class_failure_modes_mode",
        ),
    )
    op.create_index("ix_class_failure_modes_mode", "class_failure_modes", ["mode"])
    op.bulk_insert(
        allowed,
        [
            {"class": kind, "mode": mode}
            for kind, modes in ALLOWED.items()
            for mode in modes.split()
        ],
    )
    for table, entity in ENTITIES.items():
        op.execute(triggers.function(table, entity, TERM, code="r.code"))
    op.execute(
        triggers.function(
            "class_failure_modes", "allowed_mode", ("class", "mode"), code='r."class"'
        )
    )
    for table in (*ENTITIES, "class_failure_modes"):
        for trigger in triggers.triggers(table):
            op.execute(trigger)
    op.add_column("equipment", sa.Column("class", CODE))
    op.create_foreign_key(
        "fk_equipment_class",
        "equipment",
        "equipment_classes",
        ["class"],
        ["code"],
        onupdate="CASCADE",
        postgresql_not_valid=True,
    )
    op.add_column("import_rows", sa.Column("class", sa.Text()))
    op.execute(
        triggers.function(
            "equipment", "equipment", EQUIPMENT, code="r.code", vessel="r.vessel"
        )
    )


def downgrade() -> None:
    op.drop_column("import_rows", "class")
    op.drop_column("equipment", "class")
    before = context.script.get_revision("0005").module.EQUIPMENT
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.drop_table("class_failure_modes")
    op.execute("DROP FUNCTION record_class_failure_modes")
    for table in ENTITIES:
        op.drop_table(table)
        op.execute(f"DROP FUNCTION record_{table}")
