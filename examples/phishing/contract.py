"""One web page, described by nine signs of phishing. Most are graded: 0 harmless, 0.5 doubtful, 1 suspicious."""

from pydantic import BaseModel, ConfigDict, Field


class Page(BaseModel):
    """What a record must be to reach training, and, without `is_phishing`, to get a prediction."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    empty_server_form_handler: float = Field(ge=0, le=1)
    popup_window: float = Field(ge=0, le=1)
    https: float = Field(ge=0, le=1)
    request_from_other_domain: float = Field(ge=0, le=1)
    anchor_from_other_domain: float = Field(ge=0, le=1)
    is_popular: float = Field(ge=0, le=1)
    long_url: float = Field(ge=0, le=1)
    age_of_domain: int = Field(ge=0, le=1, description="1: younger than six months")
    ip_in_url: int = Field(ge=0, le=1, description="1: an address in place of a name")

    is_phishing: bool
