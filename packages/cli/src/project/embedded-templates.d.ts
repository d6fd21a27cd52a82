/** Files of new projects, embedded as text. */
declare module "*.template" {
  const text: string;
  export default text;
}
