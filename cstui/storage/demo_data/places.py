"""Where the demo's customers live, and telephone numbers that are set aside for fiction in their countries."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class City:
    """A city: region code, the beginning of its postcodes (`#` stands for a digit), area code where numbers have one."""

    name: str
    region: str
    postcode: str
    area: str = ""


def _cities(text: str) -> tuple[City, ...]:
    return tuple(City(*(part.strip() for part in line.split("|"))) for line in text.strip().splitlines())


CITIES: dict[str, tuple[City, ...]] = {
    "US": _cities("""
        New York|NY|100##|212
        Brooklyn|NY|112##|718
        Albany|NY|122##|518
        Buffalo|NY|142##|716
        Boston|MA|021##|617
        Hartford|CT|061##|860
        Philadelphia|PA|191##|215
        Pittsburgh|PA|152##|412
        Baltimore|MD|212##|410
        Richmond|VA|232##|804
        Atlanta|GA|303##|404
        Miami|FL|331##|305
        Orlando|FL|328##|407
        Chicago|IL|606##|312
        Detroit|MI|482##|313
        Minneapolis|MN|554##|612
        St. Louis|MO|631##|314
        New Orleans|LA|701##|504
        Houston|TX|770##|713
        Austin|TX|787##|512
        Denver|CO|802##|303
        Salt Lake City|UT|841##|801
        Phoenix|AZ|850##|602
        Las Vegas|NV|891##|702
        Los Angeles|CA|900##|213
        San Diego|CA|921##|619
        San Francisco|CA|941##|415
        Oakland|CA|946##|510
        Portland|OR|972##|503
        Seattle|WA|981##|206
        Anchorage|AK|995##|907
        Honolulu|HI|968##|808"""),
    "CA": _cities("""
        Toronto|ON|M5V #B#|416
        Montréal|QC|H2X #L#|514
        Vancouver|BC|V6B #N#|604
        Halifax|NS|B3H #S#|902"""),
    "GB": _cities("""
        London||SW1A #AA
        London||N1 #DF
        Manchester||M1 #AE
        Edinburgh||EH1 #YZ
        Cardiff||CF10 #BH
        Belfast||BT1 #GT"""),
    "DE": _cities("""
        Berlin|BE|10###|30
        Berlin|BE|12###|30
        Hamburg|HH|20###|40
        München|BY|80###|89
        Köln|NW|50###|221
        Frankfurt am Main|HE|60###|69
        Leipzig|SN|04###|30
        Düsseldorf|NW|40###|221
        Görlitz|SN|02826|30
        Garmisch-Partenkirchen|BY|82467|89"""),
    "FR": _cities("""
        Paris||750##
        Lyon||6900#
        Saint-Étienne||42000
        Bourg-en-Bresse||01000"""),
    "SE": _cities("""
        Stockholm||111 ##
        Göteborg||411 ##
        Malmö||211 ##
        Örebro||702 ##"""),
    "AU": _cities("""
        Sydney|NSW|20##
        Melbourne|VIC|30##
        Wagga Wagga|NSW|2650"""),
}

_STREETS: dict[str, tuple[str, ...]] = {
    "US": ("Elm Street", "Maple Avenue", "Oak Lane", "Washington Blvd", "Lincoln Ave", "2nd Street", "Cedar Court", "Martin Luther King Jr. Way",
           "Sunset Drive", "River Road", "Church Street", "Highland Terrace", "Peachtree Pl NE", "County Road 14", "Lakeview Drive", "Mission St"),
    "CA": ("King Street W", "rue Saint-Denis", "Granville Street", "Spring Garden Road", "Yonge Street"),
    "GB": ("High Street", "Station Road", "Victoria Terrace", "Church Lane", "King’s Parade", "The Crescent"),
    "DE": ("Hauptstraße", "Schönhauser Allee", "Bahnhofstraße", "Goethestraße", "Lindenweg", "Kastanienallee", "Straße des 17. Juni", "Am Mühlgraben",
           "Karl-Marx-Straße", "Rosenthaler Platz", "Große Bleichen", "Türkenstraße"),
    "FR": ("rue de la République", "avenue Victor-Hugo", "quai d’Orléans", "place de l’Église", "rue du Faubourg-Saint-Honoré"),
    "SE": ("Drottninggatan", "Storgatan", "Västra Hamngatan", "Ängsvägen", "Sankt Eriksgatan"),
    "AU": ("George Street", "Flinders Lane", "Kangaroo Valley Road", "Gurwood Street"),
}  # fmt: skip

_SECOND_LINES = ("Apt {n}", "Apt {n}B", "Unit {n}", "Suite {n}00", "Floor {n}", "c/o Front Desk")
_SECOND_LINES_DE = ("Hinterhaus, {n}. OG", "Whg. {n}", "Seitenflügel links", "c/o Pförtner")

#: How a number is typed, by country; `a` area code, `b` and `c` the rest.
_SHAPES: dict[str, tuple[str, ...]] = {
    "US": ("({a}) {b}-{c}", "{a}-{b}-{c}", "+1 {a} {b} {c}", "{a}{b}{c}", "{a}.{b}.{c}", "1-{a}-{b}-{c}", "+1{a}{b}{c}"),
    "CA": ("({a}) {b}-{c}", "{a}-{b}-{c}", "+1 {a} {b} {c}", "+1 ({a}) {b}-{c}"),
    "GB": ("0{a} {b} {c}", "+44 {a} {b} {c}", "0{a}{b}{c}", "+44 (0){a} {b} {c}", "0044 {a} {b}{c}"),
    "DE": ("0{a} {b}{c}", "0{a}/{b}{c}", "+49 {a} {b}{c}", "+49 (0){a} {b} {c}", "0{a}-{b}{c}", "0049{a}{b}{c}"),
    "FR": ("0{a} {b} {c}", "+33 {a} {b} {c}", "0{a}.{b}.{c}"),
    "SE": ("0{a}-{b} {c}", "+46 {a} {b} {c}", "0{a}{b}{c}"),
    "AU": ("(0{a}) {b} {c}", "+61 {a} {b} {c}", "0{a}{b}{c}"),
}  # fmt: skip
_CALLING = {"US": "1", "CA": "1", "GB": "44", "DE": "49", "FR": "33", "SE": "46", "AU": "61"}
_GERMAN_FICTION = {"30": "23125", "89": "99998", "69": "90009", "40": "66969", "221": "4710"}


@dataclass(frozen=True, slots=True)
class Phone:
    """A number as typed and in E.164; both empty where none is known."""

    typed: str = ""
    e164: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A postal place without a person."""

    line1: str
    line2: str
    city: str
    region: str
    postcode: str
    country: str
    area: str


class PhoneBook:
    """Hands out each fictitious number once, in an order drawn from the dice.

    The ranges: 555-0100…0199 of each North American area code, and what the regulators of Britain, Germany, France, Sweden and
    Australia set aside for films.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._left: dict[tuple[str, str], list[tuple[str, str, str]]] = {}

    def number(self, country: str, area: str) -> Phone:
        """A number of the country and, where numbers have one, the area code; none once the range is used up."""
        left = self._left.get((country, area))
        if left is None:
            left = self._left[country, area] = _numbers(country, area)
            self._dice.shuffle(left)
        if not left:
            return Phone()
        return self.shaped(country, left.pop())

    def shaped(self, country: str, parts: tuple[str, str, str]) -> Phone:
        """A number in one of the shapes in which people type it."""
        a, b, c = parts
        shape = self._dice.choice(_SHAPES[country])
        return Phone(shape.format(a=a, b=b, c=c), f"+{_CALLING[country]}{a}{b}{c}")


def _numbers(country: str, area: str) -> list[tuple[str, str, str]]:
    if country in ("US", "CA"):
        return [(area, "555", f"{n:04}") for n in range(100, 200)]
    if country == "GB":
        return [("20", "7946", f"{n:04}") for n in range(1000)]
    if country == "DE":
        return [(area, _GERMAN_FICTION[area], f"{n:03}") for n in range(1000)]
    if country == "FR":
        return [("1", "9900", f"{n:04}") for n in range(1000, 2000)]
    if country == "SE":
        return [("70", "1740", f"{n:03}") for n in range(605, 700)]
    return [("2", "5550", f"{n:04}") for n in range(1000, 2000)]


def drawn_place(dice: random.Random, country: str) -> Place:
    """A place in the country, with a plausible house number and postcode."""
    city = dice.choice(CITIES[country])
    street = dice.choice(_STREETS[country])
    number = dice.randint(1, 180) if country in ("DE", "FR", "SE") else dice.randint(1, 2400)
    line1 = f"{street} {number}" if country in ("DE", "SE") else f"{number} {street}"
    line2 = ""
    if dice.random() < 0.22:
        pattern = dice.choice(_SECOND_LINES_DE if country == "DE" else _SECOND_LINES)
        line2 = pattern.format(n=dice.randint(1, 9))
    postcode = "".join(str(dice.randint(0, 9)) if sign == "#" else sign for sign in city.postcode)
    return Place(line1, line2, city.name, city.region, postcode, country, city.area)
