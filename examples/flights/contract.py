"""One flight out of New York, as it stands in the timetable: nothing that is known only after departure."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,3}$")]


class Flight(BaseModel):
    """What a record must be to reach training, and, without `late`, to get a prediction."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scheduled: AwareDatetime
    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)
    weekday: int = Field(ge=1, le=7, description="1 is Monday")
    hour: int = Field(ge=0, le=23, description="of the scheduled departure, local time")
    minute: int = Field(ge=0, le=59)
    carrier: Code
    origin: Literal["EWR", "JFK", "LGA"]
    dest: Code
    distance: int = Field(ge=1, le=6000, description="miles")

    late: bool = Field(description="arrived more than 15 minutes after schedule")
