/** Answer of `POST /filesystem-multipart/initiate/{path}`. */
export interface UploadStarted {
  readonly uploadId: string;
  /** Absolute. */
  readonly path: string;
}

/** Answer of `PUT /filesystem-multipart/{uploadId}/part`; clients send it back to complete the upload. */
export interface UploadedPart {
  /** 1 to 10,000. */
  readonly partNumber: number;
  /** MD5 of the part's bytes, in hex. */
  readonly etag: string;
  /** In bytes. */
  readonly size: number;
}

/** A part as the lists of uploads show it. */
export interface StoredPart extends UploadedPart {
  /** RFC 3339. */
  readonly uploadedAt: string;
}

/** Answer of `GET /filesystem-multipart/{uploadId}/parts`, in the order of the numbers. */
export interface UploadParts {
  readonly uploadId: string;
  readonly parts: readonly StoredPart[];
}

/** One upload of `GET /filesystem-multipart`. */
export interface UploadSummary extends UploadStarted {
  /** File mode as a number: 420 is `0644`. */
  readonly permissions: number;
  /** RFC 3339. */
  readonly initiatedAt: string;
  /** By part number. */
  readonly parts: Readonly<Record<string, StoredPart>>;
}
