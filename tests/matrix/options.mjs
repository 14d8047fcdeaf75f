// What the scripts' options can be.

/** Ends the program when an option has a value that is none of the names. */
export const allow = (options, option, names) => {
  const unknown = options[option].filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  console.error(`--${option}: ${unknown.join(", ")}: not one of ${names.join(", ")}`);
  process.exit(2);
};
