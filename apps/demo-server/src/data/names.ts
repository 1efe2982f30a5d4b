/** A word as people write it, and its spelling in plain letters for an e-mail address where that differs. */
export type Spelling = readonly [written: string, plain?: string];

/** Where made-up people come from: what they are called there and where they live. */
export interface Region {
  readonly country: string;
  readonly cities: readonly string[];
  readonly given: readonly Spelling[];
  readonly family: readonly Spelling[];
  /** How a whole name is written; "western" puts the given name first. */
  readonly order: "western" | "family-first" | "family-first-joined";
}

const words = (list: string): Spelling[] =>
  list.split(" ").map((word) => {
    const [written = "", plain] = word.split("/");
    return plain === undefined ? [written] : [written, plain];
  });

/** The regions that demo people are drawn from, each as often as the others. */
export const REGIONS: readonly Region[] = [
  {
    country: "United Kingdom",
    cities: ["London", "Leeds", "Bristol", "Glasgow", "Cardiff"],
    given: words("Olivia Amelia Isla George Arthur Noah Freya Harry Poppy Alfie Grace Oscar"),
    family: words("Smith Jones Taylor Brown Williams Wilson Davies Patel Evans O'Neill/oneill Walker Hughes"),
    order: "western",
  },
  {
    country: "Germany",
    cities: ["Berlin", "München", "Köln", "Düsseldorf", "Görlitz"],
    given: words(
      "Jürgen/juergen Zoë/zoe Hannah Björn/bjoern Käthe/kaethe Lukas Annika Matthias Sören/soeren Greta Jonas Mia",
    ),
    family: words(
      "Müller/mueller Schmidt Weiß/weiss Krüger/krueger Schäfer/schaefer Fischer Vogel Böhm/boehm Lang Jäger/jaeger Groß/gross Wolf",
    ),
    order: "western",
  },
  {
    country: "France",
    cities: ["Paris", "Lyon", "Nîmes", "Besançon", "Orléans"],
    given: words(
      "Chloé/chloe François/francois Élodie/elodie Hélène/helene Léa/lea Noël/noel Jules Camille Théo/theo Aurélie/aurelie Luc Inès/ines",
    ),
    family: words(
      "Lefèvre/lefevre Dubois Moreau Garçon/garcon Benoît/benoit Girard Bérenger/berenger Roux Faure Blanc Guérin/guerin Petit",
    ),
    order: "western",
  },
  {
    country: "Poland",
    cities: ["Warszawa", "Łódź", "Kraków", "Wrocław", "Gdańsk"],
    given: words(
      "Łukasz/lukasz Agnieszka Małgorzata/malgorzata Paweł/pawel Zofia Michał/michal Jakub Grażyna/grazyna Stanisław/stanislaw Ewa Wojciech Hanna",
    ),
    family: words(
      "Wójcik/wojcik Kowalczyk Zieliński/zielinski Woźniak/wozniak Dąbrowski/dabrowski Kozłowski/kozlowski Mazur Krawczyk Piątek/piatek Jabłoński/jablonski Król/krol Nowak",
    ),
    order: "western",
  },
  {
    country: "Brazil",
    cities: ["São Paulo", "Brasília", "Belém", "Florianópolis", "Recife"],
    given: words(
      "João/joao Antônio/antonio Conceição/conceicao Luíza/luiza Gabriela Thiago Beatriz Vinícius/vinicius Larissa Otávio/otavio Rafael Sônia/sonia",
    ),
    family: words(
      "Gonçalves/goncalves Araújo/araujo Silva Magalhães/magalhaes Souza Assunção/assuncao Lima Falcão/falcao Barbosa Moraes Corrêa/correa Rocha",
    ),
    order: "western",
  },
  {
    country: "Vietnam",
    cities: ["Hà Nội", "Đà Nẵng", "Huế", "Cần Thơ", "Hải Phòng"],
    given: words(
      "Hương/huong Dũng/dung Thảo/thao Minh Đức/duc Linh Tuấn/tuan Ngọc/ngoc Quỳnh/quynh Sơn/son Trang Việt/viet",
    ),
    family: words(
      "Nguyễn/nguyen Trần/tran Lê/le Phạm/pham Hoàng/hoang Vũ/vu Đặng/dang Bùi/bui Đỗ/do Hồ/ho Ngô/ngo Dương/duong",
    ),
    order: "family-first",
  },
  {
    country: "Japan",
    cities: ["東京", "大阪", "札幌", "福岡", "京都"],
    given: words(
      "さくら/sakura 陽菜/hina 蓮/ren 悠真/yuma 結衣/yui 大翔/hiroto 葵/aoi 健太/kenta 美咲/misaki 翔/sho 由美子/yumiko 一郎/ichiro",
    ),
    family: words(
      "佐藤/sato 鈴木/suzuki 高橋/takahashi 田中/tanaka 渡辺/watanabe 伊藤/ito 山本/yamamoto 中村/nakamura 小林/kobayashi 加藤/kato 齋藤/saito 髙木/takagi",
    ),
    order: "family-first",
  },
  {
    country: "China",
    cities: ["北京", "上海", "广州", "成都", "西安"],
    given: words("伟/wei 芳/fang 秀英/xiuying 敏/min 静/jing 丽/li 强/qiang 磊/lei 洋/yang 艳/yan 勇/yong 子轩/zixuan"),
    family: words("王/wang 李/li 张/zhang 刘/liu 陈/chen 杨/yang 黄/huang 赵/zhao 吴/wu 周/zhou 欧阳/ouyang 𠮷/ji"),
    order: "family-first-joined",
  },
  {
    country: "Ukraine",
    cities: ["Київ", "Львів", "Одеса", "Харків", "Дніпро"],
    given: words(
      "Оксана/oksana Тарас/taras Юлія/yuliia Богдан/bohdan Ірина/iryna Олег/oleh Соломія/solomiia Андрій/andrii Наталя/natalia Роман/roman Марія/mariia Степан/stepan",
    ),
    family: words(
      "Шевченко/shevchenko Коваленко/kovalenko Бондар/bondar Ткачук/tkachuk Мельник/melnyk Гончар/honchar Лисенко/lysenko Мороз/moroz Щербак/shcherbak Кравець/kravets Юрчук/yurchuk Поліщук/polishchuk",
    ),
    order: "western",
  },
  {
    country: "Egypt",
    cities: ["القاهرة", "الإسكندرية", "أسوان", "الأقصر", "طنطا"],
    given: words(
      "محمد/mohamed فاطمة/fatma أحمد/ahmed مريم/mariam عمر/omar ليلى/layla يوسف/youssef نور/nour خالد/khaled سلمى/salma كريم/karim هدى/hoda",
    ),
    family: words(
      "حسن/hassan إبراهيم/ibrahim السيد/elsayed منصور/mansour فاروق/farouk عثمان/othman سالم/salem نجيب/naguib رمضان/ramadan زكي/zaki شاهين/shahin بدوي/badawi",
    ),
    order: "western",
  },
  {
    country: "India",
    cities: ["मुंबई", "दिल्ली", "पुणे", "जयपुर", "लखनऊ"],
    given: words(
      "प्रिया/priya अर्जुन/arjun अनिका/anika रोहन/rohan दीपा/deepa विवेक/vivek सुनीता/sunita आरव/aarav मीरा/meera संजय/sanjay काव्या/kavya ईशान/ishaan",
    ),
    family: words(
      "शर्मा/sharma वर्मा/verma गुप्ता/gupta सिंह/singh जोशी/joshi कुलकर्णी/kulkarni मिश्रा/mishra यादव/yadav त्रिपाठी/tripathi देसाई/desai राव/rao नायर/nair",
    ),
    order: "western",
  },
  {
    country: "South Korea",
    cities: ["서울", "부산", "대구", "광주", "제주"],
    given: words(
      "서연/seoyeon 민준/minjun 지우/jiwoo 도윤/doyun 하은/haeun 시우/siwoo 수빈/subin 예준/yejun 지민/jimin 현우/hyunwoo 유나/yuna 준호/junho",
    ),
    family: words("김/kim 이/lee 박/park 최/choi 정/jung 강/kang 조/cho 윤/yoon 장/jang 임/lim 한/han 황보/hwangbo"),
    order: "family-first-joined",
  },
];
