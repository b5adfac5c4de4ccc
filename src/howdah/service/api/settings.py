"""The content API's settings: where it listens, its secrets, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from howdah.content.query.limits import Limits
from howdah.service.listening import url_of
from howdah.service.mail import MailSettings
from howdah.service.setting import Kind, Setting
from howdah.service.setting_reader import SettingReader

API_VARIABLES = (
    Setting(
        name="HOST",
        kind=Kind.TEXT,
        default="127.0.0.1",
        meaning="Address that the content API listens on; Strapi's own default is every address.",
    ),
    Setting(name="PORT", kind=Kind.NUMBER, default="1337", meaning="Port of the content API.", maximum=65535),
    Setting(
        name="API_TOKEN_SALT",
        kind=Kind.SECRET,
        meaning="Key of the hashes of API tokens, as Strapi has it. Without it no API token is accepted.",
    ),
    Setting(
        name="JWT_SECRET",
        kind=Kind.SECRET,
        meaning="Key of the logins of users, as Strapi has it. Without it nobody can log in.",
    ),
    Setting(
        name="JWT_EXPIRES_IN",
        kind=Kind.DURATION,
        default="720h",
        meaning="How long a login holds.",
        minimum=1000,
    ),
    Setting(
        name="API_REST_DEFAULT_LIMIT",
        kind=Kind.NUMBER,
        default="25",
        meaning="Entries of a page where a request does not say (`rest.defaultLimit`).",
        minimum=1,
    ),
    Setting(
        name="API_REST_MAX_LIMIT",
        kind=Kind.NUMBER,
        default="100",
        meaning="Entries of a page at most (`rest.maxLimit`); 0 for no bound.",
    ),
    Setting(
        name="API_REST_WITH_COUNT",
        kind=Kind.FLAG,
        default="true",
        meaning="Lists say how many entries there are (`rest.withCount`).",
    ),
    Setting(
        name="API_POPULATE_DEPTH_MAX",
        kind=Kind.NUMBER,
        default="10",
        meaning="Levels of populate that a request may ask for.",
        minimum=1,
        maximum=20,
    ),
    Setting(
        name="API_FILTERS_MAX",
        kind=Kind.NUMBER,
        default="200",
        meaning="Conditions that a request may have.",
        minimum=1,
    ),
    Setting(
        name="API_BODY_LIMIT",
        kind=Kind.NUMBER,
        default="1048576",
        meaning="Bytes of a body of JSON or a form at most.",
        minimum=1024,
    ),
    Setting(
        name="API_CACHE_BYTES",
        kind=Kind.NUMBER,
        default="16777216",
        meaning="Bytes of answers that are kept until something in the database changes; 0 keeps none.",
    ),
    Setting(
        name="CORS_ORIGIN",
        kind=Kind.TEXT,
        default="*",
        meaning="Origins whose pages may ask, with commas between; * for any.",
    ),
    Setting(
        name="LOGIN_ATTEMPTS",
        kind=Kind.NUMBER,
        default="10",
        meaning="Logins and registrations a minute, for one address and name.",
        minimum=1,
    ),
    Setting(
        name="PUBLIC_URL",
        kind=Kind.TEXT,
        meaning="Where the API is reached from outside, for links in letters; else made of HOST and PORT.",
    ),
    Setting(
        name="SMTP_HOST",
        kind=Kind.TEXT,
        meaning="Server that letters about passwords and addresses go to. Without it none is sent.",
    ),
    Setting(
        name="SMTP_PORT", kind=Kind.NUMBER, default="587", meaning="Port of the mail server.", maximum=65535
    ),
    Setting(
        name="SMTP_SECURITY",
        kind=Kind.TEXT,
        default="starttls",
        meaning="How the mail server is spoken to.",
        choices=("starttls", "tls", "none"),
    ),
    Setting(name="SMTP_USERNAME", kind=Kind.TEXT, meaning="Login at the mail server, where it wants one."),
    Setting(name="SMTP_PASSWORD", kind=Kind.SECRET, meaning="Password at the mail server."),
    Setting(
        name="EMAIL_DEFAULT_FROM",
        kind=Kind.TEXT,
        meaning="Sender of letters whose template names none.",
    ),
    Setting(
        name="UPLOAD_DIR",
        kind=Kind.TEXT,
        meaning="Where uploaded files are; `public/uploads` of the project where it is not set.",
    ),
    Setting(
        name="UPLOAD_SIZE_LIMIT",
        kind=Kind.NUMBER,
        default="209715200",
        meaning="Bytes of an uploaded file at most.",
        minimum=1,
    ),
    Setting(
        name="TZ",
        kind=Kind.TEXT,
        default="UTC",
        meaning="Zone of the moments in the database: that of the Strapi that stored them.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Everything the content API is told."""

    host: str = "127.0.0.1"
    #: 0: any that is free.
    port: int = 1337
    api_token_salt: str = field(default="", repr=False)
    jwt_secret: str = field(default="", repr=False)
    #: Seconds.
    jwt_expires: float = 30 * 86400.0
    limits: Limits = field(default_factory=Limits)
    #: Bytes.
    body_limit: int = 1024 * 1024
    cache_bytes: int = 16 * 1024 * 1024
    #: ("*",) for any.
    cors_origins: tuple[str, ...] = ("*",)
    login_attempts: int = 10
    #: Without a slash at the end.
    public_url: str = ""
    mail: MailSettings = field(default_factory=MailSettings)
    upload_directory: Path | None = None
    upload_size_limit: int = 200 * 1024 * 1024
    time_zone: str = "UTC"


def read_api_settings(
    environ: Mapping[str, str], *, host: str | None = None, port: int | None = None
) -> ApiSettings:
    """
    Read the variables; arguments come before them.

    Raises UsageError U-320 that lists every value that cannot be used.
    """
    reader = SettingReader(environ, API_VARIABLES)
    max_limit = reader.number("API_REST_MAX_LIMIT")
    with_count = reader.flag("API_REST_WITH_COUNT")
    directory = reader.text("UPLOAD_DIR")
    origins = tuple(item.strip() for item in (reader.text("CORS_ORIGIN") or "*").split(",") if item.strip())
    zone = reader.text("TZ").lstrip(":") or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        reader.problems.append("TZ is not the name of a time zone.")
    host = host or reader.text("HOST") or "127.0.0.1"
    port = port if port is not None else reader.number("PORT")
    settings = ApiSettings(
        host=host,
        port=port,
        api_token_salt=reader.text("API_TOKEN_SALT"),
        jwt_secret=reader.text("JWT_SECRET"),
        jwt_expires=reader.seconds("JWT_EXPIRES_IN"),
        limits=Limits(
            default_limit=reader.number("API_REST_DEFAULT_LIMIT"),
            max_limit=max_limit or None,
            with_count=True if with_count is None else with_count,
            populate_depth=reader.number("API_POPULATE_DEPTH_MAX"),
            filter_count=reader.number("API_FILTERS_MAX"),
        ),
        body_limit=reader.number("API_BODY_LIMIT"),
        cache_bytes=reader.number("API_CACHE_BYTES"),
        cors_origins=origins or ("*",),
        login_attempts=reader.number("LOGIN_ATTEMPTS"),
        public_url=(reader.text("PUBLIC_URL") or url_of(host, port)).rstrip("/"),
        mail=_read_mail(reader),
        upload_directory=Path(directory) if directory else None,
        upload_size_limit=reader.number("UPLOAD_SIZE_LIMIT"),
        time_zone=zone,
    )
    reader.raise_problems()
    return settings


def _read_mail(reader: SettingReader) -> MailSettings:
    security = reader.choice("SMTP_SECURITY")
    return MailSettings(
        host=reader.text("SMTP_HOST"),
        port=reader.number("SMTP_PORT"),
        username=reader.text("SMTP_USERNAME"),
        password=reader.text("SMTP_PASSWORD"),
        security="tls" if security == "tls" else "none" if security == "none" else "starttls",
        sender=reader.text("EMAIL_DEFAULT_FROM"),
    )
