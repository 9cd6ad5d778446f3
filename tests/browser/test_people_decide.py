"""People decide in a browser: by keys alone, without script, two at once, and while others look on."""

from playwright.async_api import Page, expect

from tests.browser.conftest import Site

TAKEN = "Your decision is taken."


async def open_question(page: Page, item: str) -> None:
    await page.goto(f"/inbox?item={item}")
    await page.locator("a[data-open]").first.click()
    await page.wait_for_url("**/questions/**")


async def accept(page: Page, name: str) -> None:
    await page.get_by_label("Accept the later date").check()
    await page.locator("#decide").get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Decide").click()


async def test_a_buyer_decides_by_keys_alone(site: Site) -> None:
    async with site.page() as page:
        await page.goto("/inbox?item=FRAME")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/questions/**")
        await page.keyboard.press("3")
        assert await page.get_by_label("Accept the later date").is_checked()
        await page.keyboard.press("c")
        await page.keyboard.type("the build can wait")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.type("anna.buyer")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(TAKEN)).to_be_visible()
        await expect(page.get_by_text("anna.buyer").first).to_be_visible()


async def test_keys_are_listed_on_every_page_and_escape_closes_the_list(site: Site) -> None:
    async with site.page() as page:
        await page.goto("/orders")
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#keys")).to_be_hidden()


async def test_without_script_a_question_is_found_and_decided(site: Site) -> None:
    async with site.page(script=False) as page:
        await open_question(page, "SADDLE")
        await accept(page, "bea.buyer")
        await expect(page.get_by_text(TAKEN)).to_be_visible()


async def test_of_two_people_one_decides_and_everybody_sees_who(site: Site) -> None:
    async with site.page() as anna, site.page() as bob, site.page() as onlooker:
        await open_question(anna, "CHAIN")
        await open_question(bob, "CHAIN")
        await onlooker.goto("/inbox?item=CHAIN")
        await expect(onlooker.locator("tr[data-row]:not(.gone)")).to_have_count(1)

        await accept(anna, "anna.buyer")
        await expect(anna.get_by_text(TAKEN)).to_be_visible()
        await expect(onlooker.locator("tr.gone")).to_have_count(1)

        await bob.locator("#decide").get_by_label("Reason or comment").fill("no time for that")
        await accept(bob, "bob.buyer")
        await expect(bob.get_by_role("alert")).to_contain_text("anna.buyer")
        await expect(bob.get_by_text("no time for that").first).to_be_visible()
