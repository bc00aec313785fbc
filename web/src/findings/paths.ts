// Attributes of findings that the console itself asks for.
export const archivedPath = "service.archived";
