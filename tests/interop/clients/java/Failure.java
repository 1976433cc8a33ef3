// The broker did something else than the standard says.

final class Failure extends Exception {
  private Failure(String message) {
    super(message);
  }

  static void unless(boolean condition, String message) throws Failure {
    if (!condition) {
      throw new Failure(message);
    }
  }
}
