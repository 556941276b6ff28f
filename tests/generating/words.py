"""The words of which made-up titles, series and names consist."""


def separate(text: str, by: str | None = None) -> tuple[str, ...]:
    """The words of a text, or what stands between the separators in it."""
    return tuple(" ".join(text.split()).split(by) if by else text.split())


ADJECTIVES = separate(
    """
    Amber Ancient Ashen Autumn Bitter Black Blind Blue Borrowed Brass Bright Broken Burning Careless
    Cold Copper Crimson Crooked Cruel Dark Distant Drowned Dry Early Eastern Electric Emerald Empty
    Endless Eternal Faithful Fallen False Fearless Final First Forgotten Fragile Frozen Gentle Ghostly
    Gilded Glass Golden Good Grey Hidden Hollow Honest Hungry Impossible Infinite Invisible Iron Ivory
    Last Late Little Lonely Long Lost Lucky Midnight Modern Naked New Nameless Northern Old Open Other
    Painted Pale Patient Perfect Poisoned Quiet Reckless Red Restless Rusted Sacred Salt Scarlet Second
    Secret Shattered Short Silent Silver Sleeping Slow Small Southern Stolen Strange Sudden Summer Sweet
    Tender Third True Twisted Uncommon Unfinished Unquiet Velvet Violet Wandering Western White Wicked
    Wild Winter Wooden Young
    """
)
NOUNS = separate(
    """
    Abbey Acre Admiral Alchemist Alibi Almanac Anchor Angel Apiary Apprentice Archer Archive Arrow Ash
    Assassin Astronomer Atlas Attic Autumn Baker Ballad Bargain Baron Battle Bay Beacon Bear Bell Bird
    Blade Blood Boat Bone Book Border Bride Bridge Bridle Butcher Cage Candle Canvas Captain Cargo
    Carnival Cartographer Castle Cathedral Cellar Chain Chapel Child Circle Circus City Clock Cloud
    Coast Coin Colony Comet Compass Confession Conspiracy Corner Country Court Covenant Crane Crown Cure
    Current Curse Dagger Dance Daughter Dawn Debt Deep Desert Detective Devil Diary Doctor Dog Door
    Dragon Dream Drum Dust Duty Eagle Earth Echo Eclipse Edge Elegy Ember Emperor Empire Enemy Engine
    Engineer Envoy Estate Evening Exile Eye Falcon Family Farm Father Feast Fever Field Fire Fisherman
    Flame Flight Flood Flower Fog Forest Fortune Fountain Fox Frost Fugitive Funeral Garden Gate General
    Ghost Giant Gift Girl Glass Glove Gold Grave Guard Guest Gun Hammer Harbour Harvest Hawk Heart Heir
    Hill History Holiday Honey Horizon Horse Hour House Hunter Ice Inheritance Ink Inn Island Jewel
    Journey Judge Jungle Key King Kingdom Kitchen Knife Knight Labyrinth Lady Lake Lamp Lantern Law Leaf
    Legacy Legend Letter Library Lie Light Lighthouse Lily Lion Locket Map Market Mask Master Meadow
    Memory Merchant Messenger Midwife Mill Mine Minister Mirror Moon Morning Mother Mountain Mouse
    Murder Museum Needle Nest Night Nightingale North Oath Ocean Oracle Orchard Orphan Owl Palace Paper
    Parade Passenger Path Pearl Phantom Piano Pilgrim Pilot Pirate Plague Planet Poet Poison Portrait
    Prayer Priest Prince Princess Prison Promise Prophet Puzzle Queen Quest Rain Ransom Raven Rebel
    Reckoning Refuge Regent Riddle Ring River Road Robber Room Root Rope Rose Ruin Sailor Saint Salt
    Scar School Sea Season Secret Serpent Servant Shadow Shepherd Shield Ship Shore Sign Silence Sister
    Sky Sleep Smoke Snow Soldier Son Song Sorrow Soul Spark Sparrow Spell Spider Spy Stable Star Station
    Steel Stone Storm Stranger Street Student Summer Sun Swan Sword Tailor Tale Teacher Temple Thief
    Thorn Throne Thunder Tide Tiger Tomb Tower Train Traitor Treasure Tree Trial Truth Tunnel Twin
    Valley Vault Verdict Village Violin Visitor Voice Voyage Wall Waltz War Watch Water Wave Weaver
    Wedding Well Whale Wheel Widow Wind Window Wine Winter Witch Witness Wolf Woman Wood Word World
    Wound Wreck Writer Year Yard Zenith
    """
)
SHORT_TITLES = separate(
    """
    Us It We Ash Elk Fog Ice Ink Joy Owl Sea Sky Two Run Rot Web Yes No Ten Hex Jar Kin Oak
    """
)
ABSTRACTS = separate(
    """
    Anger Beauty Courage Deceit Desire Faith Freedom Glory Grace Grief Guilt Honour Hope Hunger
    Innocence Joy Justice Kindness Loneliness Longing Love Loyalty Luck Mercy Patience Peace Pity Pride
    Rage Revenge Silence Solitude Sorrow Temptation Time Vengeance Wisdom Wonder Youth
    """
)
GENRES_OF_SUBTITLES = separate(
    """
    A Novel|Stories|A Memoir|A Mystery|Poems|A Romance|A Thriller|Essays
    """,
    by="|",
)
SERIES_KINDS = separate(
    """
    Chronicles Saga Cycle Mysteries Trilogy Files Quartet Legacy Archive Tales
    """
)
FIRST_NAMES = separate(
    """
    Ada Agnes Albert Alice Amara Anders Anna Anton Astrid Benedict Bertha Bruno Camille Carl Cecilia
    Clara Conrad Cora Daniel Daria David Dora Edgar Edith Elena Elias Elisa Emil Erik Esther Eva Felix
    Flora Frances Frida George Greta Hanna Harriet Hector Helen Hugo Ida Igor Ines Ingrid Irene Isaac
    Iris Ivan Jacob James Jane Joan Johan John Jonas Judith Julia Karl Katherine Lars Laura Leo Lena
    Leon Louis Lucia Luke Magda Marco Margaret Maria Martin Mary Mateo Maud Max Mercedes Mila Miriam
    Nadia Naomi Nina Nora Olga Oscar Otto Paul Paula Peter Petra Philip Rafael Rebecca Robert Rosa Ruth
    Samuel Sara Simon Sofia Stella Stephen Sylvia Tess Theo Thomas Ursula Vera Victor Viola Walter Wanda
    Werner William Yara Zoe
    """
)
ACCENTED_FIRST_NAMES = separate(
    """
    André Björn Chloé Céline Éloïse François Gökçe Håkon István Jörg José Łukasz Noël Renée Zoë
    """
)
NAME_STARTS = separate(
    """
    Ab Al And Ar Ash Bar Bel Ber Black Bo Bran Bra Bur Cal Car Cas Chan Clay Cor Cul Dal Dar Del Den Dor
    Du East El En Er Fair Fal Far Fen Fitz For Gal Gar Gil Gold Gra Hal Ham Har Hart Hazel Hol Hum In Ja
    Kel Ken Kil King Kra Lam Lan Lang Lind Lo Mac Mal Man Mar May Mel Mer Mid Mon Mor Nor North Old Or
    Os Pal Par Pen Per Pic Quin Ra Ram Red Ro Ros Ruther Sal San Sel Shel Sin Sol Stan Stein Stone Sut
    Tal Tan Thorn Tor Tre Under Val Van Ver Vin Wal War Wes Whit Wil Win Wood Wy Yar Zel
    """
)
NAME_ENDS = separate(
    """
    a ac an ard ben berg bert borne bridge bury by cott croft dale den der din don dore e ell en er ers
    ey feld field ford gate grave grim hall ham hart holm hurst i in ing is ko land ler ley lin lock low
    ly man mann mar mer mere mond mont more more nell ner ness ney o olt on or ott over ow quist ridge
    ris ro rod ron ross s sen shaw sky son stad stein stone stow ter thorpe ton tree us vale ville wall
    ward ware way well wick win wood worth
    """
)
PUBLISHERS = separate(
    """
    Harbour Lane|Blue Anvil Press|Nordwind|Éditions du
    Quai|Kestrel House|月光社|Маяк
    """,
    by="|",
)
KANJI_WORDS = separate(
    """
    月 夜 空 海 山 川 森 風 雪 花 星 雨 影 光 剣 竜 姫 王 猫 犬 狼 鳥 魚 城 塔
    門 橋 道 街 村 島 国 世界 時間 記憶 約束 秘密 魔法 魔女 騎士 勇者 賢者 英雄 少女
    少年 学園 物語 図書館 鉄道 探偵 事件 幽霊 神様 悪魔 天使 革命 戦争 迷宮 旅人 料理人
    薬師 錬金術師 商人 貴族 令嬢 令息 吸血鬼 召喚士 鍛冶屋 桜 紅葉 朝 黄昏 永遠 孤独 希望
    絶望 奇跡 運命
    """
)
KANA_WORDS = separate(
    """
    スライム ドラゴン ゴブリン エルフ ロボット オンライン ダンジョン スキル レベル ギルド
    アイドル カフェ ピアノ メイド クラス ハーレム ゾンビ ゲーム バンド サーカス
    """
)
JAPANESE_NAMES = separate(
    """
    佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤 吉田 山田 佐々木 松本 井上 木村
    清水 山崎 森 池田 橋本 石川
    """
)
JAPANESE_FIRST_NAMES = separate(
    """
    蓮 葵 陽菜 悠真 美咲 健太 翔 結衣 大輔 彩 直樹 恵 拓海 真由 和也 楓 誠 千尋
    """
)
CHINESE_WORDS = separate(
    """
    天 地 龙 凤 剑 仙 魔 神 道 江湖 长安 明月 清风 红尘 秋水 白马 黑夜 星辰 大海 流沙
    古城 王朝 盗墓 少年 女儿 将军 皇后 三生 十年 千里 万古 边城 孤岛 时光 记忆 城市 故乡
    """
)
CHINESE_NAMES = separate(
    """
    王伟 李娜 张强 刘洋 陈静 杨帆 赵磊 黄敏 周杰 吴昊 徐丽 孙鹏 胡月 朱琳 高远 林夕 何川
    郭晓
    """
)
KOREAN_WORDS = separate(
    """
    달 별 바다 하늘 겨울 봄 여름 가을 도시 소녀 소년 마법사 기사 왕국 황제 공주 고양이
    늑대 그림자 약속 기억 비밀 여행 시간 학교 탑 던전 사냥꾼 의사 요리사
    """
)
KOREAN_NAMES = separate(
    """
    김민준 이서연 박지훈 최수빈 정하늘 강도윤 조은지 윤서준 장미란 임동현 한지민 오세훈
    """
)
RUSSIAN_WORDS = separate(
    """
    дом лес снег ветер река море город дорога ночь утро зима весна осень тень свет война мир письмо сон
    зеркало мост остров башня ключ сад волк лиса ворон король принцесса мастер доктор капитан солдат
    поэт огонь
    """
)
RUSSIAN_GENITIVES = separate(
    """
    времени памяти тишины снега ветра моря огня зимы короля капитана мастера леса города судьбы любви
    смерти
    """
)
RUSSIAN_ADJECTIVES = separate(
    """
    Белый Чёрный Последний Старый Новый Тихий Дальний Золотой Железный Забытый Ночной
    """
)
RUSSIAN_NAMES = separate(
    """
    Соколов Лебедев Морозова Волков Орлова Зайцев Павлова Белов Фёдорова Громов Ершов Ёлкина
    """
)
RUSSIAN_FIRST_NAMES = separate(
    """
    Анна Борис Вера Глеб Дарья Егор Зоя Иван Лев Мария Олег Пётр Софья Юрий
    """
)
FRENCH_NOUNS = separate(
    """
    la forêt|l'été|la mer|le château|l'île|la nuit|le fleuve|l'hiver|la reine|le désert|l'étoile|la
    vallée|le prêtre|l'évêque|la fenêtre|le théâtre|la forteresse|l'héritage|le mystère|la créature
    """,
    by="|",
)
FRENCH_STARTS = separate(
    """
    Le Secret de|Le Voleur de|La Chanson de|Une saison avec|L'Ombre de|Les Enfants de|Au-delà de
    """,
    by="|",
)
GERMAN_STARTS = separate(
    """
    Der Wächter|Die Tochter|Das Lied|Die Stadt|Der Schatten|Das Rätsel|Die Straße|Der König
    """,
    by="|",
)
GERMAN_ENDS = separate(
    """
    der Nacht|des Müllers|der Bäume|am Fluss|der Träume|im Süden|des Jägers|der Wölfe|ohne Türen
    """,
    by="|",
)
SPANISH_STARTS = separate(
    """
    El año|La canción|El corazón|La sombra|Los niños|El último día|La isla|El jardín
    """,
    by="|",
)
SPANISH_ENDS = separate(
    """
    de la montaña|del capitán|sin fin|de los sueños|del ángel|de agua|que perdí|del señor
    """,
    by="|",
)
