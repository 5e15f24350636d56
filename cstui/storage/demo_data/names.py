"""Made-up names from many scripts, each with the Latin letters that its owner uses in an e-mail address."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

#: Letters that lose nothing by taking marks off.
_LATIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "æ": "ae", "’": "", "'": ""})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Name:
    """A name as its owner writes it, and in plain Latin letters."""

    first: str
    last: str
    latin_first: str
    latin_last: str


@dataclass(frozen=True, slots=True)
class Culture:
    """A pool of first and last names; `weight` is how common it is among the demo's customers, "
    "`homes` where they live."""

    key: str
    weight: int
    homes: tuple[str, ...]
    language: str
    firsts: tuple[tuple[str, str], ...]
    lasts: tuple[tuple[str, str], ...]


def plain_latin(text: str) -> str:
    """The text in letters that an e-mail address takes: marks and apostrophes gone."""
    bare = unicodedata.normalize("NFD", text.translate(_LATIN))
    return "".join(sign for sign in bare if not unicodedata.combining(sign))


def _pool(text: str) -> tuple[tuple[str, str], ...]:
    """Reads `native=latin, native=latin` or plain Latin names, separated by commas."""
    pairs: list[tuple[str, str]] = []
    for entry in text.split(","):
        native, _, latin = entry.strip().partition("=")
        native = unicodedata.normalize("NFC", native)
        pairs.append((native, latin or plain_latin(native)))
    return tuple(pairs)


_US = ("US", "US", "US", "US", "CA")

CULTURES: tuple[Culture, ...] = (
    Culture(
        "american", 420, _US, "en",
        _pool("James, Mary, Robert, Patricia, Michael, Linda, David, Barbara, Susan, Joseph, Karen, Thomas, "
              "Nancy, Daniel, Lisa, Matthew, Sandra, Anthony, "
              "Ashley, Mark, Emily, Steven, Michelle, Andrew, Amanda, Joshua, Melissa, Kevin, Deborah, Brian, "
              "Stephanie, George, Rebecca, Timothy, Laura, "
              "Jason, Helen, Jeffrey, Amy, Ryan, Angela, Jacob, Shirley, Nicholas, Brenda, Gary, Emma, Eric, "
              "Olivia, Jonathan, Cynthia, Larry, Marie, Scott, "
              "Janet, Brandon, Catherine, Benjamin, Frances, Samuel, Ann, Gregory, Alice, Alexander, Jean, "
              "Patrick, Doris, Jack, Ruth, Dennis, Hazel, Tyrone, "
              "Keisha, Darnell, Latoya, Mary-Jane, Jo-Ann, Billie, Wyatt, Harper"),
        _pool("Smith, Johnson, Williams, Brown, Jones, Davis, Miller, Wilson, Moore, Taylor, Anderson, Jackson, "
              "White, Harris, Martin, Thompson, Robinson, "
              "Clark, Lewis, Lee, Walker, Hall, Allen, Young, King, Wright, Hill, Scott, Green, Adams, Baker, "
              "Nelson, Carter, Mitchell, Roberts, Turner, "
              "Phillips, Campbell, Parker, Evans, Edwards, Collins, Stewart, Morris, Rogers, Reed, Cook, "
              "Morgan, Bell, Murphy, Bailey, Cooper, Richardson, "
              "Howard, Ward, Peterson, Gray, Watson, Brooks, Kelly, Sanders, Price, Bennett, Wood, Barnes, "
              "Ross, Henderson, Coleman, Jenkins, Perry, Powell, "
              "Long, Patterson, Hughes, Washington, Butler, Simmons, Foster, Bryant, Alexander, Russell, "
              "Griffin, Hayes, O'Brien, O’Connor, McDonald, "
              "MacLeod, Smith-Jones, Hayes-Whitfield, St. Clair, Van Buren, DeLuca, D'Angelo, Fitzgerald, "
              "Achterberg, Whitlock"),
    ),
    Culture(
        "british", 90, ("GB",), "en",
        _pool("Oliver, Amelia, Harry, Isla, Poppy, Alfie, Freya, Archie, Florence, Rhys, Siân, Angharad, Niamh, "
              "Siobhán, Callum, Eilidh, Hamish, Imogen, "
              "Rupert, Beatrix, Nigel, Gemma, Graham, Tamsin"),
        _pool("Ashworth, Barraclough, Cholmondeley, Featherstone, Entwistle, Ffoulkes, Llewellyn, "
              "Ó Súilleabháin, O’Neill, MacGregor, Pemberton, "
              "Ramsbottom, Thistlethwaite, Winterbourne, Parry-Jones, Blackwood, Hargreaves, Penrose, "
              "Trevelyan, Sutcliffe"),
    ),
    Culture(
        "german", 330, ("DE",), "de",
        _pool("Anna, Lukas, Sabine, Jürgen, Jörg, Käthe, Björn, Günter, Ursula, Stefan, Heike, Matthias, "
              "Katrin, Wolfgang, Birgit, Uwe, Petra, Florian, "
              "Franziska, Sebastian, Marlene, Hannelore, Karl-Heinz, Anna-Lena, Leonie, Felix, Greta, Moritz, "
              "Ilse, Dörte, Sören, Renate, Holger, Antje, "
              "Tobias, Ulrike, Volker, Friederike, Lotte, Ottilie"),
        _pool("Müller, Schmidt, Schneider, Fischer, Weber, Meyer, Wagner, Becker, Schulz, Hoffmann, Schäfer, "
              "Koch, Bauer, Richter, Klein, Wolf, Schröder, "
              "Neumann, Schwarz, Zimmermann, Braun, Krüger, Hofmann, Hartmann, Lange, Schmitt, Werner, Krause, "
              "Meier, Lehmann, Köhler, Maier, König, "
              "Großmann, Weiß, Jäger, Böhm, Vogt, Möller, Strauß, von der Heide, Meyer-Lüdenscheid, "
              "Leutheusser-Schnarrenberger, Kästner, Fuß, Brühl"),
    ),
    Culture(
        "french", 80, ("FR",), "fr",
        _pool("Camille, Étienne, Élodie, François, Françoise, Jérôme, Hélène, Noël, Zoé, Chloé, Rémi, Anaïs, "
              "Maëlys, Jean-Baptiste, Marie-Claire, Théo, "
              "Agnès, Benoît, Loïc, Aurélie"),
        _pool("Lefèvre, Bérenger, d’Aubigné, Dubois, Moreau, Fournier, Girard, L’Hermitte, Lemaître, Château, "
              "Rousseau, Garçon, Périer, Désormeaux, "
              "Saint-Exupère, Benoît, Hervé, Crépeau, de La Tour, Bœuf=boeuf"),
    ),
    Culture(
        "spanish", 110, _US, "es",
        _pool("José, María, Jesús, Ángel, Lucía, Sofía, Andrés, Raúl, Inés, Íñigo, Begoña, Martín, Ramón, "
              "Verónica, Álvaro, Ximena, Guadalupe, Joaquín, "
              "Concepción, Iñaki"),
        _pool("García, Rodríguez, Martínez, Hernández, López, González, Pérez, Sánchez, Ramírez, Núñez, Muñoz, "
              "Ibáñez, Peña, Ordóñez, Vázquez, Cañizares, "
              "García Márquez, de la Cruz, Zúñiga, Echeverría"),
    ),
    Culture(
        "nordic", 70, ("SE",), "sv",
        _pool("Astrid, Åsa, Björk, Søren, Jørgen, Göran, Märta, Øyvind, Håkan, Linnéa, Torbjörn, Sigrún, "
              "Þóra=thora, Lars, Ingrid, Nils, Maj-Britt, Elof"),
        _pool("Lindqvist, Sjöberg, Ångström, Bergström, Nygård, Ødegaard, Kjærsgaard, Hägglund, Öhman, "
              "Strömberg, Björnsdóttir, Löfgren, Åkesson, "
              "Dahlström, Norén, Wikström"),
    ),
    Culture(
        "polish", 60, ("DE", "DE", "US"), "pl",
        _pool("Małgorzata, Łukasz, Grażyna, Zbigniew, Agnieszka, Krzysztof, Bożena, Wojciech, Żaneta, "
              "Stanisław, Świętosława, Mirosław"),
        _pool("Wójcik, Kowalczyk, Wiśniewska, Zieliński, Dąbrowska, Łukaszewicz, Szczęsny, Brzęczyszczykiewicz, "
              "Jabłońska, Gęsicki, Żukowski, Błaszczyk"),
    ),
    Culture(
        "turkish", 50, ("DE",), "de",
        _pool("Ayşe, Çağla, Gökhan, İbrahim, Işıl, Ömer, Şebnem, Tuğba, Ümit, Yıldız, Emre, Zeynep"),
        _pool("Yılmaz, Öztürk, Şahin, Çelik, Aydın, Kılıç, Güneş, Doğan, Arslan, Koç, İnönü, Erdoğmuş"),
    ),
    Culture(
        "vietnamese", 45, _US, "en",
        _pool("Nguyệt, Hồng, Dũng, Thảo, Đức, Quỳnh, Hương, Tuấn, Ánh, Phượng, Vỹ, Bích"),
        _pool("Nguyễn, Trần, Phạm, Huỳnh, Võ, Đặng, Bùi, Đỗ, Hồ, Ngô, Dương, Lý"),
    ),
    Culture(
        "russian", 35, ("DE", "US"), "en",
        _pool("Анна=Anna, Дмитрий=Dmitri, Ольга=Olga, Сергей=Sergei, Наталья=Natalya, Алёна=Alyona, "
              "Фёдор=Fyodor, Людмила=Lyudmila, Игорь=Igor, Юрий=Yuri"),
        _pool("Иванова=Ivanova, Кузнецов=Kuznetsov, Соловьёв=Solovyov, Щербаков=Shcherbakov, Петрова=Petrova, "
              "Жуковская=Zhukovskaya, "
              "Римский-Корсаков=Rimsky-Korsakov, Бондарчук=Bondarchuk"),
    ),
    Culture(
        "ukrainian", 25, ("DE",), "de",
        _pool("Олександр=Oleksandr, Їлена=Yilena, Світлана=Svitlana, Богдан=Bohdan, Юлія=Yuliia, Євген=Yevhen"),
        _pool("Шевченко=Shevchenko, Коваленко=Kovalenko, Ґонтар=Gontar, Мельник=Melnyk, Лук’яненко=Lukianenko, "
              "Їжакевич=Yizhakevych"),
    ),
    Culture(
        "greek", 30, ("DE", "US", "AU"), "en",
        _pool("Γιώργος=Giorgos, Ελένη=Eleni, Κωνσταντίνος=Konstantinos, Αθηνά=Athina, Νίκος=Nikos, "
              "Ευαγγελία=Evangelia"),
        _pool("Παπαδόπουλος=Papadopoulos, Οικονόμου=Oikonomou, Αναγνωστόπουλος=Anagnostopoulos, "
              "Βασιλείου=Vasileiou, Καραγιάννης=Karagiannis"),
    ),
    Culture(
        "arabic", 40, ("DE", "US", "FR"), "en",
        _pool("محمد=Mohammed, فاطمة=Fatima, عائشة=Aisha, يوسف=Youssef, خالد=Khalid, ليلى=Layla, "
              "عبد الرحمن=Abdulrahman, مريم=Maryam"),
        _pool("الحسن=Alhassan, المصري=Almasri, حداد=Haddad, الخطيب=Alkhatib, بن علي=Benali, النجار=Alnajjar"),
    ),
    Culture(
        "hebrew", 25, ("US",), "en",
        _pool("דוד=David, שרה=Sarah, יעקב=Yaakov, מרים=Miriam, נועה=Noa, איתן=Eitan"),
        _pool("כהן=Cohen, לוי=Levi, מזרחי=Mizrahi, בן־דוד=Ben-David, פרידמן=Friedman, אברהם=Avraham"),
    ),
    Culture(
        "chinese", 50, ("US", "CA", "AU"), "en",
        _pool("伟=Wei, 秀英=Xiuying, 小明=Xiaoming, 丽=Li, 建国=Jianguo, 雪=Xue, 文静=Wenjing, 志强=Zhiqiang"),
        _pool("王=Wang, 李=Li, 张=Zhang, 陈=Chen, 欧阳=Ouyang, 赵=Zhao, 諸葛=Zhuge, 周=Zhou"),
    ),
    Culture(
        "japanese", 45, ("US", "GB"), "ja",
        _pool("花子=Hanako, 太郎=Taro, さくら=Sakura, 健一=Kenichi, ゆうこ=Yuko, タケシ=Takeshi, 美咲=Misaki"),
        _pool("田中=Tanaka, 佐藤=Sato, 鈴木=Suzuki, 渡邉=Watanabe, 髙橋=Takahashi, 小笠原=Ogasawara, 山本=Yamamoto"),
    ),
    Culture(
        "korean", 40, ("US",), "en",
        _pool("민준=Minjun, 서연=Seoyeon, 지우=Jiwoo, 하은=Haeun, 도윤=Doyun, 수진=Sujin"),
        _pool("김=Kim, 이=Lee, 박=Park, 최=Choi, 정=Jeong, 남궁=Namgung"),
    ),
    Culture(
        "bengali", 25, ("US", "GB"), "en",
        _pool("অনির্বাণ=Anirban, সুমিত্রা=Sumitra, রাহুল=Rahul, শর্মিষ্ঠা=Sharmistha, তাসনিম=Tasnim"),
        _pool("চক্রবর্তী=Chakraborty, বন্দ্যোপাধ্যায়=Bandyopadhyay, রহমান=Rahman, সেন=Sen, মুখার্জী=Mukherjee"),
    ),
    Culture(
        "hindi", 35, ("US", "GB", "CA"), "en",
        _pool("प्रिया=Priya, राजेश=Rajesh, अनुष्का=Anushka, विक्रम=Vikram, लक्ष्मी=Lakshmi, सूरज=Suraj"),
        _pool("शर्मा=Sharma, पटेल=Patel, अग्रवाल=Agrawal, श्रीवास्तव=Shrivastava, गुप्ता=Gupta, सिंह=Singh"),
    ),
    Culture(
        "thai", 20, ("US", "AU"), "en",
        _pool("สมชาย=Somchai, สุดารัตน์=Sudarat, กิตติพงษ์=Kittipong, ณัฐธิดา=Natthida"),
        _pool("ศรีสุวรรณ=Srisuwan, วงศ์สวัสดิ์=Wongsawat, รัตนโกสินทร์=Rattanakosin, ใจดี=Jaidee"),
    ),
)  # fmt: skip

#: People whose names test a screen: one name only, very long ones, apostrophes and particles.
ODD_NAMES: tuple[tuple[str, str], ...] = (
    ("Suharto", ""),
    ("", "Björk"),
    ("Madonna", ""),
    ("Teller", ""),
    (
        "Pablo Diego José Francisco de Paula Juan Nepomuceno",
        "Crispín Crispiniano de la Santísima Trinidad Ruiz",
    ),
    ("Hubert Blaine", "Wolfeschlegelsteinhausenbergerdorff"),
    ("Maria Theresia Walburga Amalia Christina", "von und zu Hohenfels-Wartenau-Liechtenbronn"),
    ("Na'imah", "O’Reilly-D'Souza"),
    ("Ng", "Ng"),
    ("X Æ", "Null"),
    ("Ana", "de las Mercedes y Fernández-Villaverde"),
    ("Ji-hye", "Oh"),
)

COMPANIES: tuple[str, ...] = (
    "Blue Door Bakery LLC", "Hartmann & Söhne GmbH", "The Corner Bookshop", "Maple Street Dental Group",
    "Kiez Café UG",
    "Sunrise Yoga Studio", "Old Mill Guest House", "Kanzlei Dr. Vogt & Partner mbB",
    "Northgate Veterinary Clinic", "O’Malley’s Pub Ltd",
    "Green Thumb Landscaping Inc.", "Physiotherapie am Park", "Café L’Étoile SARL", "Riverside Elementary PTA",
    "Lindqvist Arkitekter AB",
    "AT&T-Style Test Supplies <Demo> Co.", "Westwind Film Productions", "Bäckerei Großmann OHG",
    "Tamarind Catering", "Pier 9 Co-working",
)  # fmt: skip


def drawn_name(dice: random.Random, culture: Culture) -> Name:
    """A name of a culture; one person in fifteen has a middle initial or a double surname where that is usual."""
    first, latin_first = dice.choice(culture.firsts)
    last, latin_last = dice.choice(culture.lasts)
    turn = dice.random()
    if culture.key == "american" and turn < 0.06:
        first = f"{first} {dice.choice('ABCDEGHJKLMPRSTW')}."
    elif culture.key in ("german", "british", "french") and turn < 0.04:
        other, latin_other = dice.choice(culture.lasts)
        if other != last and " " not in other + last and "-" not in other + last:
            last, latin_last = f"{last}-{other}", f"{latin_last}-{latin_other}"
    return Name(first, last, latin_first, latin_last)
