// Offers the browser's own time zone where times can be shown in another; without script there are the plants' zones.
"use strict";

for (const choice of document.querySelectorAll("select[data-own-zone]")) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = [...choice.options].find((option) => option.value === own);
  if (known) known.textContent += " (yours)";
  else if (own) choice.add(new Option(`${own} (yours)`, own));
}
