"""The passwords of eight characters and more that stand highest in every published list of leaked ones.

All in lower case: a password is compared without regard to case. It is a list of what is tried first, not a measure of
strength; shorter ones are refused by length alone.
"""

_WORDS = """
    password passw0rd p@ssword p@ssw0rd pa$$word pa55word pa55w0rd password1 password2 password3 password9
    password01 password11 password12 password21 password22 password69 password77 password88 password99 password10
    password00 password123 password1234 password12345 password! password1! password123! p@ssword1 p@ssword123
    p@ssw0rd1 p@ssw0rd! p@ssw0rd123 passw0rd1 passw0rd! passw0rd123 passwords mypassword newpassword thepassword
    passpass password_ 12345678 123456789 1234567890 12345678910 0123456789 123456789a 12345678a 1234567a a12345678
    a123456789 a1234567 87654321 987654321 0987654321 9876543210 012345678 123123123 12341234 123412345 1234512345
    123456123 123456123456 11223344 1122334455 112233445566 11112222 12121212 1212121212 13131313 21212121 10101010
    01010101 12312312 123321123 147258369 147852369 159357159 159753456 741852963 789456123 963852741 321654987
    14725836 25802580 14789632 123654789 12344321 1234554321 123454321 123456654321 1234567891 12345678901 123456780
    123456781 12345679 98765432 qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty01
    qwerty11 qwerty99 qwertyqwerty qwerty123! qwertyu1 1qaz2wsx 1qaz2wsx3edc 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y
    1q2w3e4r5t6y7u 1qazxsw2 zaq12wsx zaq1zaq1 zaq1xsw2 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedc qazwsx123
    qazwsxedcrfv qazxswedc qweasdzxc qweasd123 qweqweqwe qwe123qwe 123qweasd 123qwe123 123qwe123qwe asdfghjk
    asdfghjkl asdfasdf asdf1234 asdfqwer asdasdasd asd123asd zxcvbnm1 zxcvbnm123 zxcvzxcv zxczxczxc 1234qwer
    qwer1234 qwerasdf qwerty7890 poiuytrewq lkjhgfdsa mnbvcxz1 azertyuiop azerty123 abcd1234 abc12345 abc123456
    abc123abc abcdefgh abcdefghi abcdefghij abcdabcd abcabcabc a1b2c3d4 a1b2c3d4e5 abc123!@# aa123456 aa12345678
    a1234567890 1a2b3c4d aaaa1111 abcd12345 abcd123456 abcdef123 a123456a iloveyou iloveyou1 iloveyou2 iloveyou!
    iloveyou123 iloveyou12 ilovehim iloveher loveyou1 lovelove loveme123 iloveme1 sunshine sunshine1 princess
    princess1 princess123 football football1 football12 football123 baseball baseball1 basketball basketball1
    softball volleyball superman superman1 superman123 spiderman spiderman1 batman123 starwars starwars1 pokemon1
    pokemon123 minecraft minecraft1 nintendo playstation welcome1 welcome123 welcome1! welcome12 welcome2 welcome01
    welcome! letmein1 letmein123 letmein! changeme changeme1 changeme123 changeit default1 temp1234 temppass
    test1234 test12345 test123456 testtest testing1 testing123 testpass test123! guest123 guestguest admin123
    admin1234 admin12345 admin123456 adminadmin admin123! admin@123 admin2020 administrator root1234 rootroot
    toortoor rootpass user1234 username username1 secret123 secretsecret topsecret trustno1 whatever whatever1
    computer computer1 internet internet1 samsung1 samsung123 logitech microsoft windows1 google123 facebook
    facebook1 linkedin youtube1 master123 masterkey access14 monkey123 dragon123 shadow123 hunter123 hello123
    hello1234 hellohello helloworld blahblah lol12345 killer123 freedom1 liverpool liverpool1 arsenal1 chelsea1
    chelsea123 manchester barcelona barcelona1 realmadrid juventus ronaldo7 corvette mustang1 mercedes ferrari1
    porsche1 harley01 marlboro1 snickers chocolate chocolate1 butterfly butterfly1 babygirl babygirl1 sweetheart
    beautiful beautiful1 blink182 metallica metallica1 slipknot slipknot1 nirvana1 eminem123 rockstar rockstar1
    jennifer jennifer1 michelle michelle1 jessica1 jessica123 ashley123 amanda123 stephanie danielle danielle1
    victoria victoria1 elizabeth elizabeth1 samantha samantha1 nicole123 vanessa1 brittany natalie1 alexandra
    alexander alexander1 benjamin jonathan jonathan1 christian christian1 christopher anthony1 anthony123 michael1
    michael123 matthew1 charlie1 charlie123 jordan23 jordan123 thomas123 daniel123 robert123 andrew123 joshua123
    william1 patrick1 nicholas fernando alejandro alejandra francisco gabriela valentina mariposa estrella
    contraseña contrasena tequiero teamomucho bonjour1 motdepasse doudou123 soleil123 passwort passwort1 hallo123
    schatz123 wachtwoord welkom01 welkom123 senha123 mudar123 brasil123 haslo123 polska12 parola123 qwertz123
    qwertzui maverick mountain midnight hollywood undertaker scorpion scorpio1 godzilla garfield scooby12 tinkerbell
    bubbles1 cookie123 cheese123 banana123 orange123 apple123 summer123 winter123 spring123 autumn123 summer01
    january1 december1 summer2020 summer2021 winter2020 spring2020 pass1234 pass12345 pass123! pass@123 passpass1
    password2020 password2021 password2022 password2023 password2024 password2025 welcome2020 welcome2023 company1
    business1 chatgpt123 openai123
"""

WEAK_PASSWORDS = frozenset(_WORDS.split())
"""Every one of them, in lower case."""
