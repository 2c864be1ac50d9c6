import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/**
 * Reads an archive with java.util.zip. Arguments: "file" or "stream" (from stdin); the archive; a directory to
 * unpack into, or "all" or "last" to print the contents of all members or of the last one.
 */
class Unzip {
    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    private final byte[] buffer = new byte[1 << 18];
    private int number;

    public static void main(String[] arguments) throws IOException {
        Unzip unzip = new Unzip();
        if (arguments[0].equals("stream")) {
            unzip.stream(arguments[2]);
        } else {
            unzip.file(arguments[1], arguments[2]);
        }
        unzip.out.flush();
        if (unzip.out.checkError()) {
            System.exit(1);
        }
    }

    private void stream(String what) throws IOException {
        try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(System.in, 1 << 18))) {
            for (ZipEntry entry; (entry = in.getNextEntry()) != null; ) {
                take(in, entry, what, false);
            }
        }
    }

    private void file(String archive, String what) throws IOException {
        try (ZipFile file = new ZipFile(archive)) {
            Iterator<? extends ZipEntry> entries = file.entries().asIterator();
            while (entries.hasNext()) {
                ZipEntry entry = entries.next();
                if (what.equals("last") && entries.hasNext()) {
                    continue;
                }
                try (InputStream in = file.getInputStream(entry)) {
                    take(in, entry, what, !entries.hasNext());
                }
            }
        }
    }

    /** The content to stdout, or to a file of that number in a directory, with a line about it to stdout. */
    private void take(InputStream in, ZipEntry entry, String what, boolean isLast) throws IOException {
        if (what.equals("all") || what.equals("last")) {
            copy(in, out);
            return;
        }
        Path file = Path.of(what, Integer.toString(number++));
        try (OutputStream to = Files.newOutputStream(file)) {
            copy(in, to);
        }
        String name = HexFormat.of().formatHex(entry.getName().getBytes(StandardCharsets.UTF_8));
        out.println(file.getFileName() + " " + name + " " + Math.floorDiv(entry.getLastModifiedTime().toMillis(), 1000));
    }

    private void copy(InputStream in, OutputStream to) throws IOException {
        for (int count; (count = in.read(buffer)) > 0; ) {
            to.write(buffer, 0, count);
        }
    }
}
