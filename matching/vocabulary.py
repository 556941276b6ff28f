"""Words that mean something in the names of files, folded as `matching.names.folded_words` folds them."""

from matching.names import folded_words


def folded(*phrases: str) -> frozenset[str]:
    """Single words, folded."""
    return frozenset(word for phrase in phrases for word in folded_words(phrase))


def phrases(*texts: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Sequences of folded words by their first word, the longest first."""
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for text in texts:
        words = tuple(folded_words(text))
        by_first.setdefault(words[0], []).append(words)
    return {first: tuple(sorted(found, key=len, reverse=True)) for first, found in by_first.items()}


# Before a number: this is a volume. `v`, `t` and other single letters stand for themselves only where a digit follows.
VOLUME_MARKERS = folded(
    *("v", "vol", "vols", "volume", "volumes", "book", "books", "bk", "libro", "livre", "livro", "buch", "boek"),
    *("tome", "tomes", "tom", "tomo", "tomos", "t", "band", "bande", "bd", "volumen", "deel", "teil", "del"),
    *("bind", "cilt", "tap", "kotet", "svazek", "dil", "osa", "no", "nr", "num", "number", "numero", "n", "issue"),
    *("том", "т", "часть", "ч", "книга", "кн", "выпуск", "номер", "knjiga", "ksiega", "ksiazka", "czesc"),
    *("เล่ม", "เล่มที่", "第", "제"),
)
# Of these a number word or a Roman numeral may follow: "Book One", "Tome II", "Part Two".
SPELT_MARKERS = folded(
    *("vol", "volume", "book", "libro", "livre", "livro", "buch", "boek", "tome", "tom", "tomo", "band", "volumen"),
    *("deel", "teil", "том", "часть", "книга", "part", "partie", "parte", "chapter", "kapitel", "chapitre"),
    *("act", "number", "knjiga"),
)
# Behind a number: this is a volume.
VOLUME_COUNTERS = folded("巻", "卷", "冊", "册", "권", "集", "輯", "辑")
CHAPTER_MARKERS = folded(
    *("c", "ch", "chap", "chaps", "chp", "chapter", "chapters", "chapitre", "kapitel", "capitulo", "capitolo", "cap"),
    *("глава", "главы", "гл", "ep", "episode", "epsiode", "ตอน", "ตอนที่", "rozdzial"),
)
CHAPTER_COUNTERS = folded("話", "话", "章", "回", "화", "节", "節")
# Neither a volume nor a chapter: a part of something, a season, a year of a magazine.
PART_MARKERS = folded(
    *("part", "parts", "pt", "partie", "parties", "parte", "partes", "season", "saison", "staffel", "act", "arc"),
    *("phase", "section", "year"),
)
# Among the volume markers: these may state a part of a volume as well.
PART_OR_VOLUME_MARKERS = folded("часть", "ч", "teil", "del", "osa", "czesc")
PART_COUNTERS = folded("部", "부", "期", "季", "篇", "編", "编")
# A marker that may be written together with its number: v05, T02, c012, vol3.
GLUED_MARKERS = folded(
    *("v", "vol", "vols", "volume", "t", "tome", "tom", "tomo", "bd", "band", "bk", "book", "c", "ch", "chap"),
    *("chapter", "ep", "pt", "part", "no", "nr", "issue", "т", "том", "кн", "ч", "гл", "n", "r"),
)

NUMBER_WORDS: dict[str, int] = {}
for _line in (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty",
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "un deux trois quatre cinq six sept huit neuf dix onze douze",
    "premier deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième",
    "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo",
    "primo secondo terzo quarto quinto sesto settimo ottavo nono decimo",
    "um dois três quatro cinco seis sete oito nove dez",
    "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono décimo",
    "een twee drie vier vijf zes zeven acht negen tien",
    "один два три четыре пять шесть семь восемь девять десять",
    "первый второй третий четвертый пятый шестой седьмой восьмой девятый десятый",
    "первая вторая третья четвертая пятая шестая седьмая восьмая девятая десятая",
):
    for _value, _word in enumerate(_line.split(), start=1):
        NUMBER_WORDS.setdefault("".join(folded_words(_word)), _value)
NUMBER_WORDS |= {"premiere": 1, "seconde": 2, "second": 2, "primera": 1, "segunda": 2, "tercera": 3}

# What scan groups, stores, converters and file managers add. Nothing here tells one work or edition from another.
NOISE = phrases(
    *("digital", "digital hd", "hd", "hq", "lq", "c2c", "scan", "scans", "scanned", "scanlation", "scanlated", "rip"),
    *("webrip", "web rip", "web", "f2", "retail", "ebook", "e book", "ebooks", "epub", "kepub", "mobi", "azw", "azw3"),
    *("azw4", "kfx", "pdf", "cbz", "cbr", "cb7", "fb2", "djvu", "docx", "zip", "rar", "txt", "epub3", "epub2"),
    *("kindle", "kobo", "calibre", "converted", "conv", "ocr", "ocred", "repack", "fixed", "proper", "reupload"),
    *("z library", "zlibrary", "z lib", "zlib", "z lib org", "z library sk", "1lib sk", "z lib io", "zlib org"),
    *("1lib", "1lib us", "1lib org", "b ok", "b ok cc", "b ok org", "bok cc", "libgen", "libgen li", "libgen rs"),
    *("libgen lc", "libgen is", "lib gen", "anna s archive", "annas archive", "oceanofpdf", "oceanofpdf com"),
    *("www oceanofpdf com", "ocean of pdf", "epubdb", "epub vk", "vk com", "ebookee", "mobilism", "mobilism org"),
    *("allitebooks", "ebook3000", "pdfdrive", "pdfdrive com", "dokumen pub", "vdoc pub", "archive org", "royallib"),
    *("flibusta", "flibusta net", "flibusta is", "litres", "litres ru", "royallib ru", "lib ru", "coollib", "epubee"),
    *("nyaa", "anilist", "mangadex", "kavita", "komga", "internet archive", "gutenberg", "project gutenberg"),
    *("standard ebooks", "standardebooks"),
    *("drm free", "no drm", "nodrm", "dedrm", "dedrmed", "drm removed", "without drm", "no images", "noimages"),
    *("with images", "images", "optimized", "optimised", "compressed", "cleaned", "formatted", "uploaded"),
    *("english", "eng", "en", "in english", "english language"),
    *("kindle edition", "digital edition", "ebook edition", "e book edition", "epub edition", "kobo edition"),
    *("copy", "copie", "kopie", "copia", "cópia", "копия", "コピー", "副本", "kopia", "copy of", "duplicate"),
    *("a novel", "the novel", "ein roman", "a memoir", "a thriller", "novel", "a romance", "a mystery"),
    *("unabridged", "official", "tpb", "trade paperback", "noads", "no ads", "premium", "hybrid", "lossless"),
    *("nem", "empire", "minutemen", "zone empire", "danke empire", "lucaz", "stick", "1r0n", "danke", "webtoon rip"),
    *("upd", "updated", "rev", "retail kepub", "true retail", "unknown", "et al", "jr", "sr"),
    *("電子書籍", "電子版", "電子書籍版", "全彩", "掃圖", "自炊", "自炊版", "完", "完结", "完結"),
)
PUBLISHERS = phrases(
    *("yen press", "yen on", "yenpress", "viz", "viz media", "viz llc", "kodansha", "kodansha comics", "kodansha usa"),
    *("seven seas", "seven seas entertainment", "seven seas siren", "airship", "j novel club", "jnc", "jnovel club"),
    *("dark horse", "dark horse comics", "dark horse manga", "vertical", "vertical comics", "vertical inc"),
    *("square enix", "square enix manga", "tokyopop", "del rey", "del rey manga", "cross infinite world", "denpa"),
    *("ghost ship", "sol press", "one peace books", "udon", "shueisha", "shogakukan", "kadokawa", "hakusensha"),
    *("penguin", "penguin books", "penguin classics", "tor", "tor books", "orbit", "gollancz", "harpercollins"),
    *("harper voyager", "random house", "simon schuster", "macmillan", "hachette", "ace", "ace books", "daw"),
    *("bantam", "bantam books", "ballantine", "vintage", "vintage classics", "knopf", "scribner", "faber"),
    *("oxford university press", "oxford world classics", "oxford worlds classics", "everyman", "dover", "signet"),
    *("dc", "dc comics", "marvel", "marvel comics", "image", "image comics", "idw", "vertigo", "boom studios"),
    *("glenat", "kana", "ki oon", "pika", "kurokawa", "delcourt", "dargaud", "dupuis", "casterman", "gallimard"),
    *("carlsen", "egmont", "tokyopop de", "altraverse", "kaze", "heyne", "fischer", "suhrkamp", "reclam", "dtv"),
    *(
        "panini",
        "planet manga",
        "star comics",
        "j pop",
        "norma",
        "norma editorial",
        "ivrea",
        "planeta",
        "planeta comic",
    ),
    *("эксмо", "аст", "азбука", "аст москва", "эксмо пресс", "истари комикс"),
    *("角川", "集英社", "講談社", "小学館", "電撃文庫", "尖端", "东立", "東立", "青文", "長鴻", "台灣角川"),
)
# Another edition, another telling or another form of the same words: offered, never taken.
EDITIONS = phrases(
    *("deluxe", "collector s", "collectors", "collector", "collectible", "graphic novel", "graphic novels", "gn"),
    *("abridged", "illustrated", "annotated", "anniversary", "special edition", "limited", "limited edition"),
    *("master edition", "perfect edition", "ultimate", "definitive", "expanded", "extended", "revised", "uncut"),
    *("edition", "éditions", "ausgabe", "edizione", "edicion", "edição", "издание", "absolute", "library edition"),
    *("hardcover", "kanzenban", "full color", "full colour", "colored", "coloured", "colour", "color", "in color"),
    *("digital colored", "official colored", "remastered", "remaster", "variant", "director s cut", "movie tie in"),
    *("tie in", "adaptation", "dramatized", "dramatised", "audiobook", "audio", "screenplay", "script", "script book"),
    *("summary", "sparknotes", "cliffsnotes", "study guide", "companion", "guide", "guidebook", "workbook", "sampler"),
    *("sample", "preview", "excerpt", "teaser", "extract", "leseprobe", "extrait", "artbook", "art book", "art of"),
    *("the art of", "fanbook", "fan book", "encyclopedia", "cookbook", "coloring book", "making of", "the making of"),
    *("comic", "comics", "the comic", "the graphic novel", "le roman graphique", "roman graphique", "bande dessinée"),
    *("novelization", "novelisation", "junior", "young readers", "for kids", "for children", "retold", "simplified"),
    *("easy reader", "graded reader", "adapted", "parody", "unofficial", "fan translation", "fanfiction", "fanfic"),
    *("doujinshi", "doujin", "anthology comic", "spin off", "spinoff", "side story", "side stories", "gaiden"),
    *("short stories", "short story", "prequel", "sequel", "remix", "reread", "bilingual", "large print", "braille"),
    *("german", "german edition", "french", "spanish", "italian", "portuguese", "russian", "japanese", "chinese"),
    *("korean", "dutch", "polish", "deutsch", "francais", "français", "español", "espanol", "italiano", "português"),
    *("french edition", "spanish edition", "italian edition", "english edition", "ita", "esp", "ger", "fre", "rus"),
    *("jpn", "jap", "raw", "vostfr", "pt br", "latino", "castellano", "english translation", "新装版", "完全版"),
    *(
        "愛蔵版",
        "文庫版",
        "特装版",
        "限定版",
        "カラー版",
        "フルカラー",
        "外伝",
        "番外編",
        "番外篇",
        "漫画版",
        "コミック版",
    ),
)
OMNIBUSES = phrases(
    *(
        "omnibus",
        "box set",
        "boxset",
        "boxed set",
        "box",
        "bundle",
        "collection",
        "collected",
        "complete",
        "compendium",
    ),
    *("complete collection", "complete series", "the complete", "integrale", "l integrale", "intégrale", "trilogy"),
    *("gesamtausgabe", "sammelband", "sammelbände", "anthology", "3 in 1", "2 in 1", "4 in 1", "5 in 1", "vizbig"),
    *("three in one", "two in one", "duology", "quartet", "tetralogy", "trilogie", "trilogia", "трилогия", "цикл"),
    *("saga completa", "coleccion", "colección", "coffret", "cofanetto", "schuber", "全集", "全套", "合本", "合本版"),
    *(
        "собрание сочинений",
        "собрание",
        "series pack",
        "pack",
        "all volumes",
        "complete saga",
        "the collection",
        "duet",
    ),
)
# What may stand beside a series' name, where its volume is stated too: "(A Hollows Novel 3)", "Mistborn Series 1".
SERIES_WORDS = folded(
    *("series", "serie", "série", "saga", "reihe", "zyklus", "cycle", "cycles", "trilogy", "trilogie", "chronicles"),
    *("chronicle", "novel", "novels", "roman", "romane", "sequence", "duology", "quartet", "universe", "mystery"),
    *("серия", "цикл", "thriller", "adventure", "story", "trilogia", "ciclo", "ln", "manga", "adventures", "mysteries"),
)
# The form of a work: noise where the container is of that form, else a sign of another telling.
LIGHT_NOVEL_WORDS = phrases(
    "light novel", "light novels", "ln", "lightnovel", "novel", "novels", "ライトノベル", "小説"
)
MANGA_WORDS = phrases("manga", "mangas", "webtoon", "manhwa", "manhua", "comic", "漫画", "コミック", "만화")
COMIC_FORMATS = ("cbz", "cbr", "cb7", "cbt")

CONNECTORS = folded("and", "with", "und", "et", "y", "e", "by", "von", "par", "por", "di", "и", "feat", "avec", "mit")
OF = folded("of", "von", "de", "di", "из", "sur")
# An ending that no title has: the rest was cut off.
UNFINISHED = folded(
    *("the", "a", "an", "and", "or", "of", "in", "on", "to", "for", "with", "at", "by", "from", "into", "der", "die"),
    *("das", "und", "von", "im", "le", "la", "les", "de", "du", "des", "et", "el", "los", "y", "il", "di", "и", "в"),
    *("that", "which", "as", "my", "your", "his", "her", "their", "our", "not", "is", "are", "was"),
)
# Words that begin a subtitle, written behind a whole title without any sign between.
SUBTITLE_STARTS = folded("the", "a", "an", "or", "oder", "ou", "o", "how", "why", "what", "die", "der", "le", "la")
# What programs call a file that nobody named.
GENERIC_NAMES = folded(
    *(
        "document",
        "download",
        "downloads",
        "book",
        "ebook",
        "file",
        "untitled",
        "unknown",
        "output",
        "converted",
        "temp",
    ),
    *(
        "index",
        "content",
        "scan",
        "text",
        "dokument",
        "datei",
        "livre",
        "libro",
        "книга",
        "attachment",
        "export",
        "new",
    ),
)
# Of the words of editions: these are names of folders for all sorts of books.
FOLDER_WORDS = folded("comic comics english german french spanish italian portuguese russian japanese chinese korean")
NO_AUTHORS = phrases(
    "unknown", "anonymous", "various", "various authors", "n a", "unbekannt", "inconnu", "none", "null"
)
# What a work is, as the last word of a subtitle: "A LitRPG Adventure", "An Expanse Novella", "Roman".
GENRES = folded(
    *("novel", "novella", "novelette", "roman", "romanzo", "romance", "novela", "thriller", "krimi", "kriminalroman"),
    *("memoir", "adventure", "mystery", "fantasy", "story", "litrpg", "erzählung", "thriller", "роман", "повесть"),
    *("saga", "tale", "小説"),
)
ORDINALS = folded("first second third fourth fifth sixth seventh eighth ninth tenth")
FORMATS = folded("epub kepub mobi azw azw3 azw4 kfx pdf cbz cbr cb7 fb2 djvu lit prc pdb chm rtf doc docx txt zip rar")
TITLES_OF_PEOPLE = folded("etc", "al", "dr", "phd", "md", "prof", "sir", "jr", "sr", "mr", "mrs", "ed", "eds")
# Given names, enough to tell a person from a subtitle where a book's author is not on record.
GIVEN_NAMES = folded(
    "adam adrian agatha aidan alan albert aldous alexander alexandre alfred alice alison allen amy ana andré",
    "andrea andreas andrew andrzej andy angela anita ann anna anne anthony antoine anton arkady arthur arturo",
    "astrid audrey barbara ben benjamin bernard bernhard beth betty bill blake bob boris brandon brent brian",
    "bruce bryan carl carla carlos carlo carol caroline catherine cathy charles charlie charlotte chris christian",
    "christina christine christopher claire clara clive colleen conn cormac cornelia craig dan daniel danielle",
    "daphne dave david dean deborah dennis diana diane dmitry don donald donna dorothy douglas edgar edith edmund",
    "eduardo edward elena eleanor elisabeth elizabeth ellen ellis emily emma emmanuel enid eric erica erich erik",
    "erin ernest ernst eugene eva evelyn fabio felix ferdinand fernando fiona florian frances francesca francis",
    "francisco frank frans franz fred frederik friedrich fyodor gabriel gary gene geoffrey george georges gerald",
    "gillian giorgio giovanni glen glenn graham greg gregory guillaume gustave guy hannah hans harlan harold",
    "harper harriet harry heinrich helen henning henri henry herbert herman hermann hilary honoré howard hugh",
    "iain ian ilona ingrid irvine irving isaac isabel isabelle italo ivan jack jacob jacqueline jacques james jan",
    "jane janet jared jason javier jay jean jeff jeffrey jennifer jenny jeremy jessica jill jim joan joanne joe",
    "joel johann johanna johannes john johnny jon jonas jonathan jordan jorge josé joseph joshua joyce juan",
    "judith jules julia julian julie juliet julio june jürgen karen karl kate katherine kathleen kathryn katie",
    "kazuo keith kelly ken kenneth kevin kim kurt larry lars laura lauren laurie lawrence lee leigh leo leon",
    "leonard lev lewis lisa liz lois lorenzo louis louise lucas lucy luis luke lynn madeleine madeline malcolm",
    "marc marcel marcus margaret maria marie mario marion mario mark markus marlon martha martin mary matt",
    "matthew maurice max maya megan melissa mercedes michael michel michelle miguel mike mikhail milan miranda",
    "monica nancy naomi natalie nathan neal neil nicholas nick nicola nicolas nicole nikolai nina noah nora",
    "norman octavia oliver olivia orson oscar otto pablo pamela patricia patrick paul paula paulo pedro penelope",
    "peter philip philippe phillip pierce pierre rachel ralph randall ray raymond rebecca rené ricardo richard",
    "rick rob robert roberto robin rodrigo roger roland ron ronald rosa rosemary ross roxane russell ruth ryan",
    "sally salman sam samantha samuel sandra sara sarah scott sean sebastian sergei sharon sheila sherrilyn",
    "shirley simon sofia sophie stan stanislaw stefan stella stephanie stephen steve steven stieg stuart sue",
    "susan susanna suzanne sylvia tad tamsyn tara ted terence teresa terry theodore thomas tim timothy toby todd",
    "tom toni tony tracy umberto ursula vera vernor veronica victor victoria vincent virginia vladimir walter",
    "wayne wendy werner wilbur will william willy yann yevgeny yuval zadie zoe ai asato atsushi eiichiro fuse",
    "gege haruki hayao hideo hinako hirohiko hiroshi hiromu isuna jun katsuhiro kazuki kentaro kiyohiko kohei",
    "koushun kugane kyoko makoto masamune masashi mizuki naoko naoki natsuki natsume nobuhiro osamu reki rumiko",
    "ryoko ryu sui taiyo takehiko takeshi tappei tatsuki tite tsugumi yasunari yoko yoshihiro yoshitaka yuki",
    "yukio yukito yuto александр алексей анна аркадий антон борис василий виктор владимир дмитрий евгений иван",
    "лев максим михаил николай ольга павел пётр сергей татьяна фёдор юрий",
)
