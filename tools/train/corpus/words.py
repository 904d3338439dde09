"""What ollm-tiny knows: the facts and word lists the generators draw from."""

from __future__ import annotations


def _pairs(text: str) -> dict[str, str]:
    """Reads `key=value; key=value`."""
    entries = (entry.split("=") for entry in text.replace("\n", " ").split(";") if entry.strip())
    return {key.strip(): value.strip() for key, value in entries}


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.replace("\n", " ").split(",") if item.strip()]


CAPITALS = _pairs("""
France=Paris; Germany=Berlin; Italy=Rome; Spain=Madrid; Portugal=Lisbon; Japan=Tokyo; China=Beijing;
India=New Delhi; Russia=Moscow; England=London; the United Kingdom=London; Ireland=Dublin;
Scotland=Edinburgh; Norway=Oslo; Sweden=Stockholm; Denmark=Copenhagen; Finland=Helsinki;
Iceland=Reykjavik; Poland=Warsaw; Austria=Vienna; Switzerland=Bern; Belgium=Brussels;
the Netherlands=Amsterdam; Greece=Athens; Turkey=Ankara; Egypt=Cairo; Morocco=Rabat; Kenya=Nairobi;
Canada=Ottawa; the United States=Washington; Mexico=Mexico City; Cuba=Havana; Brazil=Brasilia;
Argentina=Buenos Aires; Chile=Santiago; Peru=Lima; Colombia=Bogota; Australia=Canberra;
New Zealand=Wellington; South Korea=Seoul; Thailand=Bangkok; Vietnam=Hanoi; Indonesia=Jakarta;
Hungary=Budapest; the Czech Republic=Prague; Romania=Bucharest; Bulgaria=Sofia; Ukraine=Kyiv;
Croatia=Zagreb; Serbia=Belgrade; Israel=Jerusalem; Iran=Tehran; Iraq=Baghdad; Nepal=Kathmandu;
Ghana=Accra; Nigeria=Abuja; Ethiopia=Addis Ababa; the Philippines=Manila; Malaysia=Kuala Lumpur
""")

OPPOSITES = _pairs("""
hot=cold; big=small; tall=short; fast=slow; happy=sad; up=down; left=right; day=night; black=white;
old=young; hard=soft; wet=dry; light=dark; open=closed; full=empty; rich=poor; strong=weak; loud=quiet;
early=late; high=low; long=short; good=bad; clean=dirty; thick=thin; near=far; first=last;
true=false; love=hate; win=lose; buy=sell; start=stop; push=pull; inside=outside; above=below;
before=after; easy=difficult; cheap=expensive; sweet=sour; heavy=light; wide=narrow; deep=shallow;
brave=afraid; sharp=blunt; yes=no; hello=goodbye; summer=winter; north=south; east=west;
in=out; on=off; always=never; alive=dead; new=old; smooth=rough; friend=enemy; war=peace
""")

COLOURS_OF = _pairs("""
the sky=blue; grass=green; snow=white; a banana=yellow; a tomato=red; coal=black; the sun=yellow;
an orange=orange; blood=red; milk=white; a leaf=green; the sea=blue; a lemon=yellow; chocolate=brown;
a strawberry=red; a frog=green; an elephant=grey; a carrot=orange; a flamingo=pink; a crow=black
""")

SOUNDS = _pairs("""
dog=woof; cat=meow; cow=moo; duck=quack; sheep=baa; pig=oink; horse=neigh; lion=roar; bee=buzz;
snake=hiss; frog=croak; owl=hoot; mouse=squeak; rooster=cock-a-doodle-doo
""")

YOUNG = _pairs("""
dog=puppy; cat=kitten; cow=calf; sheep=lamb; horse=foal; duck=duckling; hen=chick; lion=cub; goat=kid;
pig=piglet; bear=cub; frog=tadpole; kangaroo=joey; deer=fawn
""")

COUNTS = _pairs("""
days are in a week=7; months are in a year=12; hours are in a day=24; minutes are in an hour=60;
seconds are in a minute=60; legs does a dog have=4; legs does a spider have=8; legs does an insect have=6;
wheels does a car have=4; wheels does a bicycle have=2; sides does a triangle have=3;
sides does a square have=4; sides does a hexagon have=6; planets are in the solar system=8;
letters are in the alphabet=26; continents are there=7; fingers are on one hand=5;
legs does a cat have=4; legs does a bird have=2; arms does an octopus have=8; seasons are in a year=4;
days are in a year=365; weeks are in a year=52; eggs are in a dozen=12; wheels does a tricycle have=3
""")

PLANETS = _list("Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune")
DAYS = _list("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS = _list(
    "January, February, March, April, May, June, July, August, September, October, November, December"
)
SEASONS = _list("spring, summer, autumn, winter")
COLOURS = _list("red, blue, green, yellow, orange, purple, pink, brown, black, white, grey")
FRUITS = _list("apple, banana, orange, pear, grape, lemon, cherry, peach, plum, mango, melon, kiwi")
VEGETABLES = _list("carrot, potato, onion, cabbage, pea, bean, spinach, pepper, cucumber, leek")
ANIMALS = _list(
    "dog, cat, horse, cow, lion, tiger, elephant, bear, fox, wolf, rabbit, mouse, sheep, pig, goat, monkey"
)
BIRDS = _list("robin, eagle, owl, duck, swan, crow, parrot, sparrow, pigeon, penguin")
CONTINENTS = _list("Africa, Asia, Europe, North America, South America, Australia, Antarctica")
COUNTRIES = _list("France, Germany, Italy, Spain, Japan, China, India, Brazil, Canada, Egypt, Kenya, Norway")
METALS = _list("iron, gold, silver, copper, tin, lead, zinc, steel")
SPORTS = _list("football, tennis, basketball, swimming, running, rugby, hockey, golf, cycling, boxing")
INSTRUMENTS = _list("piano, guitar, violin, drum, flute, trumpet, cello, harp, clarinet")
OCEANS = _list("Pacific, Atlantic, Indian, Arctic, Southern")
SHAPES = _list("circle, square, triangle, rectangle, star, oval, hexagon")
DRINKS = _list("water, tea, coffee, milk, juice, lemonade, cocoa")
CAPITAL_CITIES = _list("Paris, Berlin, Rome, Madrid, Lisbon, Tokyo, London, Oslo, Vienna, Athens, Cairo, Ottawa")
CLOTHES = _list("shirt, hat, coat, sock, shoe, scarf, dress, jacket, glove, skirt")
TOOLS = _list("hammer, saw, screwdriver, drill, wrench, axe, file, spade")
TREES = _list("oak, pine, birch, maple, willow, ash, beech, elm")
FLOWERS = _list("rose, tulip, daisy, lily, sunflower, violet, orchid, poppy")
LANGUAGES = _list("English, French, German, Spanish, Italian, Japanese, Chinese, Arabic, Russian, Greek")

# What a list question may ask for: singular, plural, items.
LISTS: list[tuple[str, str, list[str]]] = [
    ("planet", "planets", PLANETS),
    ("day of the week", "days of the week", DAYS),
    ("month", "months", MONTHS),
    ("season", "seasons", SEASONS),
    ("colour", "colours", COLOURS),
    ("color", "colors", COLOURS),
    ("fruit", "fruits", FRUITS),
    ("vegetable", "vegetables", VEGETABLES),
    ("animal", "animals", ANIMALS),
    ("bird", "birds", BIRDS),
    ("continent", "continents", CONTINENTS),
    ("country", "countries", COUNTRIES),
    ("metal", "metals", METALS),
    ("sport", "sports", SPORTS),
    ("instrument", "instruments", INSTRUMENTS),
    ("ocean", "oceans", OCEANS),
    ("shape", "shapes", SHAPES),
    ("drink", "drinks", DRINKS),
    ("capital city", "capital cities", CAPITAL_CITIES),
    ("piece of clothing", "pieces of clothing", CLOTHES),
    ("tool", "tools", TOOLS),
    ("tree", "trees", TREES),
    ("flower", "flowers", FLOWERS),
    ("language", "languages", LANGUAGES),
]

NAMES = _list("""
Anna, Ben, Clara, David, Emma, Felix, Grace, Henry, Ida, Jack, Kate, Leo, Mia, Noah, Olivia, Paul, Quinn,
Rosa, Sam, Tina, Uma, Victor, Wendy, Xavier, Yara, Zoe, Adam, Bella, Carl, Dora, Eric, Fatima, George,
Hanna, Ivan, Julia, Karim, Laura, Max, Nina, Oscar, Petra, Ravi, Sara, Tom, Ursula, Vera, Will, Yusuf, Zara,
Alice, Bob, Carol, Dan, Eve, Frank, Gita, Hugo, Iris, Jonas, Kim, Lena, Mark, Nadia, Omar, Priya, Rob, Sofia,
Theo, Ella, Lucas, Maria, Chen, Aisha, Diego, Elena, Kofi, Mei, Lars, Ingrid, Pablo, Chloe, Marta, Peter,
John, Mary, James, Lucy, Simon, Ruth, Joe, Amy, Daniel, Sophie, Michael, Linda, Robert, Susan, Arthur, Bruno
""")

CITIES = _list("""
Paris, London, Berlin, Rome, Madrid, Lisbon, Tokyo, Beijing, Moscow, Dublin, Oslo, Stockholm, Copenhagen,
Helsinki, Warsaw, Vienna, Bern, Brussels, Amsterdam, Athens, Ankara, Cairo, Nairobi, Ottawa, Havana,
Santiago, Lima, Canberra, Seoul, Bangkok, Hanoi, Budapest, Prague, New York, Boston, Chicago, Seattle,
Toronto, Sydney, Melbourne, Mumbai, Delhi, Shanghai, Hamburg, Munich, Milan, Naples, Barcelona, Porto, Lyon,
Nice, Geneva, Zurich, Kyoto, Osaka, Dallas, Denver, Miami, Austin, Leeds, York, Glasgow, Cork, Bergen, Lagos,
San Francisco, Los Angeles, Singapore, Dubai, Istanbul, Buenos Aires, Mexico City, Cape Town, Manchester
""")

JOBS = _list("""
teacher, doctor, baker, farmer, nurse, painter, driver, cook, pilot, writer, singer, builder, gardener,
engineer, lawyer, dentist, plumber, carpenter, student, programmer, tailor, librarian, scientist, sailor
""")
FOODS = _list("""
pizza, soup, bread, rice, pasta, cheese, salad, cake, sushi, noodles, pancakes, curry, fish, chocolate, eggs,
ice cream, dumplings, tacos, potatoes, honey
""")
PETS = _list("dog, cat, rabbit, hamster, parrot, pony, turtle, goldfish, mouse, snake, duck, lizard")
HOBBIES = _list("""
painting, chess, swimming, reading, singing, dancing, cooking, running, fishing, gardening, cycling, knitting,
hiking, sailing, photography, skating, climbing, football, tennis, drawing
""")
ADJECTIVES = _list("""
small, brave, kind, clever, lazy, happy, quiet, old, young, curious, shy, tired, funny, gentle, hungry, proud
""")
OBJECTS = _list("""
lamp, key, book, ball, hat, clock, kite, box, cup, ring, map, boat, drum, spoon, coin, bell, stone, shoe, chair,
basket, candle, pencil, letter, mirror, rope
""")
PLACES = _list("""
forest, village, garden, valley, town, castle, river, farm, desert, mountain, beach, library, market, harbour,
cave, meadow, island, school, kitchen, lighthouse
""")
