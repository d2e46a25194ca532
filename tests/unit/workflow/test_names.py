# ruff: noqa: RUF001 - other scripts are what some of this is about
"""Files get the name a person would choose: the one the task gives, else its telling words."""

from __future__ import annotations

import pytest

from core.workflow.layouts.names import module_of

HUMAN_EVAL = '''from typing import List


def has_close_elements(numbers: List[float], threshold: float) -> bool:
    """ Check if in given list of numbers, are any two numbers closer to each other than
    given threshold.
    >>> has_close_elements([1.0, 2.0, 3.0], 0.5)
    False
    """
'''
WITH_HELPER = '''def encode_shift(s: str):
    """ returns encoded string by shifting every character by 5 in the alphabet. """
    return s


def decode_shift(s: str):
    """ takes as input string encoded with encode_shift function. Returns decoded string. """
'''

NAMES: tuple[tuple[str, str], ...] = (
    # the task gives it
    (HUMAN_EVAL, "has_close_elements"),
    (WITH_HELPER, "decode_shift"),
    ("def bf(planet1, planet2):\n    '''There are eight planets.'''\n", "bf"),
    ("Complete this code and keep the signature:\n\n    def vowels_count(s):\n", "vowels_count"),
    ("Write a function slugify(text) that turns a title into a slug", "slugify"),
    ("Write slugify(text: str, sep='-') -> str.", "slugify"),
    ("slugify(text) turns text into lower-case words joined by hyphens", "slugify"),
    ("A function called word_count that counts words", "word_count"),
    ("Build a tool named `todo` that keeps a list", "todo"),
    ("Write a function `is_leap_year` and tests", "is_leap_year"),
    ("Write a class `LRUCache` with get and put", "lru_cache"),
    ("Implement a class LRUCache with get and put", "lru_cache"),
    ("Create a package `textkit` with modules for slugs and wrapping", "textkit"),
    ("Create a package called textkit with a slug module and a wrap module", "textkit"),
    ("Write a Go function `Reverse` for strings", "reverse"),
    ("Write a function toRoman(n) in JavaScript", "to_roman"),
    ("Schreibe eine Funktion namens quersumme", "quersumme"),
    ("Eine Funktion `umdrehen`, die Text umdreht", "umdrehen"),
    ("Écris une fonction appelée est_premier", "est_premier"),
    ("Escribe una función llamada invertir", "invertir"),
    ("编写一个名为 word_count 的函数", "word_count"),
    ("slugifyという関数を書いてください", "slugify"),
    ("Напиши функцию с именем count_words", "count_words"),
    ("Given f(2) == 4 and f(3) == 9, write a function that squares a number", "square_number"),
    # its words do
    ("Write a Python function that reverses a string, with tests", "reverse_string"),
    ("Reverse a text", "reverse_text"),
    ("Reverse words", "reverse_words"),
    ("Build a to-do CLI", "todo"),
    ("Build a todo list app", "todo_list"),
    ("A url-shortener service", "url_shortener"),
    ("A word counter in JavaScript", "word_counter"),
    ("Write a small calculator", "calculator"),
    ("Write a program that counts the words in a file", "count_words"),
    ("Write a function that checks whether a string is a palindrome", "is_palindrome"),
    ("Check if a number is prime", "is_prime"),
    ("Write a function that converts Celsius to Fahrenheit", "celsius_to_fahrenheit"),
    ("Convert this Python script to Go", "solution"),
    ("Convert CSV to JSON", "csv_to_json"),
    ("Compute the factorial of a number", "factorial_number"),
    ("Find the longest common prefix of a list of strings", "longest_common_prefix"),
    ("Write a parser for CSV files", "csv_parser"),
    ("Build a calculator for mortgage payments", "mortgage_payments_calculator"),
    ("Sort a list of dictionaries by a key", "sort_dictionaries"),
    ("Write a Go program that prints primes", "primes"),
    ("Write a bash script that backs up a folder", "back_up_folder"),
    ("An LRU cache", "lru_cache"),
    ("Implement binary search", "binary_search"),
    ("Create a command-line tool that merges PDF files", "merge_pdf"),
    ("Write a rate limiter with a token bucket", "rate_limiter"),
    ("A Markdown to HTML converter in JavaScript", "markdown_html"),
    ("Please write me a simple password generator", "password_generator"),
    ("Write a queue", "queue_app"),
    ("write a program", "solution"),
    ("\U0001f680\U0001f680 !!", "solution"),
    ("Let the snake go left", "snake_left"),
    ("Write the game Go in Python", "game"),
    # in other languages
    ("Ein Größenrechner", "grossenrechner"),
    ("Schreibe eine Python-Funktion, die einen String umdreht", "string_umdreht"),
    ("Baue einen Taschenrechner für die Konsole", "taschenrechner_konsole"),
    ("Erstelle ein Programm, das Wörter zählt", "worter_zahlt"),
    ("Écris une fonction en Python qui inverse une chaîne", "inverse_chaine"),
    ("Crée un convertisseur de devises", "convertisseur_devises"),
    ("Escribe una función que invierta una cadena", "invierta_cadena"),
    ("Crea una calculadora de hipotecas", "calculadora_hipotecas"),
    ("Łódź: żółw i ćma", "lodz"),
    ("İstanbul şehir rehberi", "istanbul_sehir_rehberi"),
    ("用Python写一个待办事项清单程序", "待办事项清单"),
    ("用 Go 语言写一个单词计数工具", "单词计数"),
    ("写一个提醒工具，使用 JavaScript", "提醒"),
    ("写一个反转字符串的函数", "反转字符串"),
    ("日本語のツール", "日本語"),
    ("Pythonで文字列を反転する関数を書いて", "文字列_反転"),
    ("TODOリストのアプリを作ってください", "todoリスト"),
    ("Напиши программу для списка имён", "списка_имён"),
    ("Напиши функцию, которая переворачивает строку", "переворачивает_строку"),
    ("اكتب برنامج قائمة", "اكتب_برنامج_قائمة"),
    ("हिन्दी सूची बनाओ", "हिन्दी_सूची_बनाओ"),
    ("이름 목록을 정렬", "이름_목록을_정렬"),
    ("เขียนโปรแกรม", "เขียนโปรแกรม"),
    ("می\u200cخواهم فهرست", "میخواهم_فهرست"),
)


@pytest.mark.parametrize(("task", "name"), NAMES, ids=[ascii(task[:60]) for task, _ in NAMES])
def test_a_file_has_the_name_a_person_would_choose(task: str, name: str) -> None:
    assert module_of(task) == name
