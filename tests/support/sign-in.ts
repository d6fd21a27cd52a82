/** What someone does at the address that a login shows; `proof` is a key, or email and password. @throws Error when it is refused */
export async function confirmInBrowser(address: string, proof: Readonly<Record<string, string>>): Promise<void> {
  const { origin, pathname, searchParams } = new URL(address);
  const userCode = searchParams.get("user_code") ?? "";
  const page = await (await fetch(address)).text();
  if (!page.includes(userCode)) throw new Error(`the page does not show the code ${userCode}: ${page}`);
  await submitForm(origin + pathname, { user_code: userCode, decision: "approve", ...proof });
}

/** Sends a form as the page at `address` itself does. @throws Error when it is refused */
export async function submitForm(address: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const { origin } = new URL(address);
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields), headers: { origin } });
  if (answer.status !== 200) throw new Error(`the page answered ${answer.status}: ${await answer.text()}`);
}
